import { configOrExit, createRuntime, serve } from '@pgha/http';
import manifest from '../package.json' with { type: 'json' };
import { buildApp } from './app.ts';
import { readConfig, readInheritedSocket } from './config.ts';

/** Reads held while neither a replica nor the primary answers. */
const queueLimit = 10_000;

const config = await configOrExit(readConfig);
const runtime = createRuntime(config, { name: 'replica', role: 'any-read-only', queueLimit });
const app = await buildApp({ ...runtime, config, version: manifest.version });
await serve(app, { ...config, ...runtime, inheritedFd: readInheritedSocket() });
