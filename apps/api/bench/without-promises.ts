import { createInsertQueue, createItemReads, insertItem, silentObserver } from '@pgha/db';
import { createRuntime, serve } from '@pgha/http';
import Fastify from 'fastify';
import { readConfig, readInheritedSocket } from '../src/config.ts';

/**
 * The write service's three measured routes with nothing but the query: no validation of what is not needed, no log,
 * no metrics, no limits, no problems. What the guarantees cost is the difference. INSERT=single also gives up the proof
 * that makes an insert safe to repeat.
 */
const config = await readConfig();
const runtime = createRuntime(config, { name: 'bare', role: 'primary', queueLimit: 10_000 });
const context = { kind: 'write' as const, gate: runtime.gate, observer: silentObserver };
const reads = createItemReads({ pool: runtime.pool, context: { ...context, kind: 'read' }, waitMs: 0 });
const inserts = createInsertQueue({
  pool: runtime.pool,
  context,
  locationPrefix: '/items/',
  maxRows: 256,
  maxInFlight: 2,
});
const app = Fastify();
const terms = () => ({ deadline: Date.now() + 30_000, minLsn: null });
const json = 'application/json';

app.get('/ready', () => ({ status: runtime.notReadyBecause() ?? 'ready' }));
app.get<{ Params: { id: string } }>('/items/:id', async (request, reply) => {
  const { value } = await reads.item(request.params.id, terms());
  return reply.type(json).send(value);
});
app.get('/items', async (_request, reply) => {
  const { value } = await reads.page({ skip: 0, limit: 50, activeOnly: false, after: null }, terms());
  return reply.type(json).send(value.body);
});
app.post<{ Body: { name: string; description: string; price: number } }>('/items', async (request, reply) => {
  const { name, description, price } = request.body;
  const fields = { name, description, price: String(price), isActive: true };
  const item =
    process.env['INSERT'] === 'single'
      ? await runtime.pool.use((session) => insertItem(session, fields))
      : await inserts.insert({ fields, identity: null }, terms().deadline);
  return reply.code(201).type(json).send(item.body);
});

await serve(app, { ...config, ...runtime, inheritedFd: readInheritedSocket() });
