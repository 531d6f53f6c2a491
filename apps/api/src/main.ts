import { purgeRecords } from '@pgha/db';
import { configOrExit, createRuntime, serve } from '@pgha/http';
import manifest from '../package.json' with { type: 'json' };
import { buildApp } from './app.ts';
import { readConfig, readInheritedSocket } from './config.ts';

const config = await configOrExit(readConfig);
const runtime = createRuntime(config, { name: 'primary', role: 'primary', queueLimit: config.writeQueueLimit });
const app = await buildApp({ ...runtime, config, version: manifest.version });

/** Small steps, so that a purge never holds up a write for long. */
const purge = { everyMs: 60_000, rows: 10_000 };
runtime.repeat('purge', purge.everyMs, async () => {
  await purgeRecords(runtime.pool, config.idempotencyRetentionHours, purge.rows);
});

await serve(app, { ...config, ...runtime, inheritedFd: readInheritedSocket() });
