import { etagOf, type ItemReads, type LsnToken, parseLsn, type ReadPosition } from '@pgha/db';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { outOfMemory } from '../body.ts';
import { Problem, problemResponses } from '../problems.ts';
import { positionHeaderName } from '../reception.ts';
import { typed } from '../service.ts';
import { parseEntityTags } from './entity-tags.ts';
import { ItemParamsSchema, ItemSchema, PageQuerySchema, parseId } from './schemas.ts';

export interface ItemReadOptions {
  reads: ItemReads;
  deadlineMs: number;
  /** On the read service: every answer says how far its server has replayed, and `Min-LSN` is honoured. */
  positions: boolean;
}

const json = 'application/json; charset=utf-8';
const EtagHeader = { ETag: { type: 'string', description: 'version of the item, for If-Match and If-None-Match' } };

/** `GET /items` and `GET /items/{id}`, the same on both services. */
export function registerItemReads(app: FastifyInstance, { reads, deadlineMs, positions }: ItemReadOptions): void {
  const routes = typed(app);
  const minLsn = {
    'min-lsn': Type.Optional(Type.String({ description: 'a Commit-LSN: the response includes that write' })),
  };
  const failures = problemResponses(
    'bad-request',
    'unauthorized',
    'validation',
    'rate-limited',
    'unavailable',
    'busy',
    'schema-outdated',
    ...(positions ? (['replica-behind'] as const) : []),
  );
  const terms = ({ held }: Pick<FastifyRequest, 'held'>, headers: Record<string, unknown>) => ({
    deadline: Date.now() + deadlineMs,
    minLsn: positions ? parseMinLsn(headers['min-lsn']) : null,
    caller: held,
  });
  const say = (reply: FastifyReply, position: ReadPosition) => {
    if (positions) reply.header(positionHeaderName, position.text);
    return reply;
  };

  routes.get(
    '/items/:id',
    {
      config: { access: 'read' },
      schema: {
        tags: ['items'],
        summary: 'One item',
        params: ItemParamsSchema,
        headers: Type.Object({
          ...(positions ? minLsn : {}),
          'if-none-match': Type.Optional(
            Type.String({ description: 'an ETag; 304 if the item has not changed since' }),
          ),
        }),
        response: {
          200: {
            description: 'the item',
            headers: EtagHeader,
            content: { 'application/json': { schema: ItemSchema } },
          },
          304: { description: 'unchanged', headers: EtagHeader, type: 'null' },
          ...problemResponses('not-found'),
          ...failures,
        },
      },
    },
    (request, reply) => {
      const id = parseId(request.params.id) ?? noItem;
      answerWith(reply, reads.item(id, terms(request, request.headers)), ({ value: item, position }) => {
        say(reply, position);
        if (item === null) throw notFound(request.params.id);
        const etag = etagOf(item);
        reply.header('etag', etag);
        if (matches(request.headers['if-none-match'], etag)) reply.code(304).send(undefined as never);
        else reply.header('content-type', json).send(item as never);
      });
    },
  );

  routes.get(
    '/items',
    {
      config: { access: 'read' },
      schema: {
        tags: ['items'],
        summary: 'A page of items, ordered by id',
        querystring: PageQuerySchema,
        headers: Type.Object(positions ? minLsn : {}),
        response: {
          200: {
            description: 'the items',
            headers: { Link: { type: 'string', description: 'rel="next": the next page, if there may be more items' } },
            content: { 'application/json': { schema: Type.Array(ItemSchema) } },
          },
          ...failures,
        },
      },
    },
    async (request, reply) => {
      const { skip, limit, active_only: activeOnly, after } = request.query;
      // beyond the highest id there is nothing; the database would refuse the number instead of finding that
      const start = after === undefined ? null : (parseId(after) ?? (BigInt(after) === 0n ? null : highestId));
      const { value: page, position } = await reads.page(
        { skip, limit, activeOnly, after: start },
        terms(request, request.headers),
      );
      if (page.next !== null)
        reply.header('link', `</items?limit=${limit}&active_only=${activeOnly}&after=${page.next}>; rel="next"`);
      say(reply, position).header('content-type', json);
      if (!request.held.send(page.body.length, () => void reply.send(page.body as never))) throw outOfMemory();
      return reply;
    },
  );
}

/**
 * Sends what comes of `reading`, as an async handler would: without the two promises and the turns of the queue that one
 * costs, on the way that most requests take.
 */
function answerWith<T>(reply: FastifyReply, reading: Promise<T>, send: (value: T) => void): void {
  reading.then(
    (value) => {
      try {
        send(value);
      } catch (error) {
        reply.send(error);
      }
    },
    (error: unknown) => reply.send(error),
  );
}

const highestId = (2n ** 63n - 1n).toString();
/** Ids begin at 1. Asked for all the same, so that the answer says how new it is. */
const noItem = '0';

/** The 404 of an item. */
export function notFound(id: string): Problem {
  return new Problem('not-found', `Item ${id} does not exist.`);
}

function parseMinLsn(header: unknown): LsnToken | null {
  if (header === undefined) return null;
  const token = parseLsn(String(header));
  if (token === null) throw new Problem('bad-request', 'Min-LSN is not an LSN such as 0/3000148 or 0/3000148;tl=3.');
  return token;
}

/** RFC 9110, 13.1.2: compared weakly. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const tags = parseEntityTags('If-None-Match', header);
  return tags === '*' || tags.some(({ tag }) => tag === etag);
}
