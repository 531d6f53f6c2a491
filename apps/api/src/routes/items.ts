import {
  clientIdentity,
  type createInsertQueue,
  type DbPool,
  deleteItem,
  etagOf,
  type ItemChange,
  type ItemReads,
  insertItems,
  ownIdentity,
  type RideContext,
  type Session,
  type StoredAnswer,
  updateItem,
  type WriteIdentity,
  type WriteResult,
  writeOnce,
} from '@pgha/db';
import {
  type ItemChanges,
  ItemChangesSchema,
  ItemParamsSchema,
  ItemSchema,
  NewItemSchema,
  notFound,
  outOfMemory,
  Problem,
  parseEntityTags,
  parseId,
  pathOf,
  problemResponses,
  registerItemReads,
  toChanges,
  toFields,
  typed,
} from '@pgha/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';

export interface ItemRoutesOptions {
  pool: DbPool;
  writes: RideContext;
  reads: ItemReads;
  inserts: Pick<ReturnType<typeof createInsertQueue>, 'insert'>;
  writeDeadlineMs: number;
  readDeadlineMs: number;
}

const header = (description: string) => ({ type: 'string', description });
const positionHeader = { 'Commit-LSN': header('an LSN that covers the write; send it with a read as Min-LSN') };
const replayHeader = {
  'Idempotency-Replayed': header(
    'true if this is the stored response of an earlier request with the same Idempotency-Key',
  ),
};
const itemHeaders = {
  ...positionHeader,
  ...replayHeader,
  ETag: header('version of the item, for If-Match and If-None-Match'),
};

const failures = problemResponses(
  'bad-request',
  'unauthorized',
  'key-in-use',
  'conflict',
  'too-large',
  'unsupported-media-type',
  'validation',
  'key-reused',
  'rate-limited',
  'unavailable',
  'busy',
  'schema-outdated',
  'outcome-unknown',
);
const changeFailures = { ...problemResponses('not-found', 'precondition-failed'), ...failures };

const keyHeader = {
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x20-\\x7e]{1,255}$',
      description:
        'a request sent again with the same key is applied once and returns the first response, also after the client disconnected',
    }),
  ),
};
const ifMatchHeader = {
  'if-match': Type.Optional(Type.String({ description: 'an ETag: 412 if the item has changed since; or *' })),
};

const json = 'application/json; charset=utf-8';
const batchLimit = 1000;

const answers = (description: string, headers: object, schema: TSchema) => ({
  description,
  headers,
  content: { 'application/json': { schema } },
});

/** `/items` on the write service: the routes of the read service, and every change. */
export function registerItemRoutes(app: FastifyInstance, options: ItemRoutesOptions): void {
  const { pool, writes, reads, inserts, writeDeadlineMs, readDeadlineMs } = options;
  registerItemReads(app, { reads, deadlineMs: readDeadlineMs, positions: false });
  const routes = typed(app);
  const tags = ['items'];
  const config = { access: 'key' as const };

  /** Applies `work` once and sends its answer. */
  async function write(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (session: Session) => Promise<StoredAnswer>,
  ) {
    const identity = clientKey(request) ?? ownIdentity();
    const { held } = request;
    const written = writeOnce(pool, writes, identity, Date.now() + writeDeadlineMs, work, held);
    return sendAnswer(reply, await held.during(written));
  }

  routes.post(
    '/items',
    {
      config,
      schema: {
        tags,
        summary: 'Create an item',
        headers: Type.Object(keyHeader),
        body: NewItemSchema,
        response: {
          201: answers('created', { ...itemHeaders, Location: header('path of the item') }, ItemSchema),
          ...failures,
        },
      },
    },
    async (request, reply) => {
      const fields = toFields(request.body);
      const identity = clientKey(request);
      const { held } = request;
      const inserted = inserts.insert({ fields, identity, caller: held }, Date.now() + writeDeadlineMs);
      return sendAnswer(reply, await held.during(inserted));
    },
  );

  routes.post(
    '/items/batch',
    {
      config,
      schema: {
        tags,
        summary: `Create up to ${batchLimit} items in one transaction`,
        headers: Type.Object(keyHeader),
        body: Type.Array(NewItemSchema, { minItems: 1, maxItems: batchLimit }),
        response: {
          201: answers('created', { ...positionHeader, ...replayHeader }, Type.Array(ItemSchema)),
          ...failures,
        },
      },
    },
    async (request, reply) => {
      if (!request.held.takeItems(request.body.length)) throw outOfMemory();
      const items = request.body.map((item, index) => toFields(item, `body/${index}`));
      return write(request, reply, async (session) => {
        const inserted = await insertItems(session, items);
        return { status: 201, body: `[${inserted.map((item) => item.body).join(',')}]`, etag: null, location: null };
      });
    },
  );

  for (const method of ['PUT', 'PATCH'] as const) {
    routes.route({
      method,
      url: '/items/:id',
      config,
      schema: {
        tags,
        summary: 'Change one or more fields of an item',
        params: ItemParamsSchema,
        headers: Type.Object({ ...keyHeader, ...ifMatchHeader }),
        body: ItemChangesSchema,
        response: { 200: answers('changed', itemHeaders, ItemSchema), ...changeFailures },
      },
      handler: async (request, reply) => {
        const id = requireId(request.params.id);
        const changes = toChanges(request.body as ItemChanges);
        const condition = parseIfMatch(request.headers['if-match']);
        return write(request, reply, async (session) => {
          const change = await updateItem(session, id, changes, condition);
          if (change.found !== 'changed') throw refusal(change, id);
          return { status: 200, body: change.item.body, etag: etagOf(change.item.body), location: null };
        });
      },
    });
  }

  routes.delete(
    '/items/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Delete an item',
        params: ItemParamsSchema,
        headers: Type.Object({ ...keyHeader, ...ifMatchHeader }),
        response: {
          204: { description: 'deleted', headers: { ...positionHeader, ...replayHeader }, type: 'null' },
          ...changeFailures,
        },
      },
    },
    async (request, reply) => {
      const id = requireId(request.params.id);
      const condition = parseIfMatch(request.headers['if-match']);
      return write(request, reply, async (session) => {
        const change = await deleteItem(session, id, condition);
        if (change.found !== 'deleted') throw refusal(change, id);
        return { status: 204, body: null, etag: null, location: null };
      });
    },
  );
}

function sendAnswer(reply: FastifyReply, result: WriteResult) {
  reply.code(result.status).header('commit-lsn', result.position);
  if (result.etag !== null) reply.header('etag', result.etag);
  if (result.location !== null) reply.header('location', result.location);
  if (result.replayed) reply.header('idempotency-replayed', 'true');
  if (result.body === null) return reply.send();
  return reply.header('content-type', json).send(result.body);
}

/** What the client's key identifies, scoped to the credential, the method and the path; null when it sent none. */
function clientKey(request: FastifyRequest): WriteIdentity | null {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return null;
  const path = pathOf(request.url);
  return clientIdentity(
    [request.credential ?? '', request.method, path, key],
    [JSON.stringify(request.body ?? null), request.headers['if-match'] ?? ''],
  );
}

function requireId(text: string): string {
  const id = parseId(text);
  if (id === null) throw notFound(text);
  return id;
}

function refusal(change: Exclude<ItemChange, { found: 'changed' }>, id: string): Problem {
  if (change.found === 'missing') return notFound(id);
  return new Problem('precondition-failed', `Item ${id} has changed: its ETag does not match If-Match. Read it again.`);
}

/** RFC 9110, 13.1.1: compared strongly, so that a weak tag never matches; null for no condition or `*`. */
function parseIfMatch(text: string | undefined): string[] | null {
  if (text === undefined) return null;
  const tags = parseEntityTags('If-Match', text);
  return tags === '*' ? null : tags.filter(({ weak }) => !weak).map(({ tag }) => tag);
}
