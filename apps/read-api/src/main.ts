import { createItemReads } from '@pgha/db';
import { configOrExit, createRuntime, serve } from '@pgha/http';
import manifest from '../package.json' with { type: 'json' };
import { buildApp } from './app.ts';
import { readConfig, readInheritedSocket } from './config.ts';

/** Reads queued while neither a replica nor the primary responds. */
const queueLimit = 10_000;
/** How old the position may be that a response without rows carries, while there are no reads. */
const lookEveryMs = 5_000;

const config = await configOrExit(readConfig);
const runtime = createRuntime(config, { name: 'replica', role: 'any-read-only', queueLimit });
const { pool, gate, metrics } = runtime;
const context = { kind: 'read' as const, gate, observer: metrics.db };
const reads = createItemReads({ pool, context, waitMs: config.readWaitMs });
const app = await buildApp({ ...runtime, reads, config, version: manifest.version });
runtime.repeat('replay position', lookEveryMs, reads.look);
await serve(app, { ...config, ...runtime, inheritedFd: readInheritedSocket() });
