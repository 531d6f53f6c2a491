import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admission } from './admission.ts';
import { bodyLimitBytes, outOfMemory } from './body.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Metrics, RequestRecorder } from './metrics.ts';
import type { Problem } from './problems.ts';
import type { RequestLog } from './request-log.ts';
import type { SchemaWatch } from './schema-watch.ts';

/** Where an answer says how new it is. */
export const positionHeaderName = 'replica-lsn';

/** As nginx calls a request whose client has gone before its answer. */
const clientGone = 499;

/**
 * Admits a request, and reports it once its answer has been sent or its client has disconnected. `unreadable` is the
 * problem of a request that no route can be found for.
 */
export type Reception = (request: FastifyRequest, reply: FastifyReply, unreadable?: Problem) => Problem | null;

export interface ReceptionOptions {
  metrics: Metrics;
  memory: MemoryBudget;
  schema: Pick<SchemaWatch, 'problem' | 'explain'>;
  requestLog: RequestLog | null;
  /** Of the read service: how far its server has replayed, as last seen. A read says it more exactly. */
  position?: () => string | null;
}

/** On the way of every request: what is known of a route is found once, and nothing is asked twice. */
export function createReception(
  admission: Admission,
  { metrics, memory, schema, requestLog, position = () => null }: ReceptionOptions,
): Reception {
  const recorderOf = createRecorders(metrics);

  return (request, reply, unreadable) => {
    const started = performance.now();
    const { raw: answer } = reply;
    const { ip: client, method, url } = request;
    const route = request.routeOptions;
    if (answer.socket === null) closeWith(request.raw.socket, answer);
    request.traceId = parseTraceparent(request.headers['traceparent']);
    request.held = memory.open(answer);
    metrics.inFlight.value += 1;
    // `finish` never comes where the client has gone
    answer.on('close', () => {
      const ms = performance.now() - started;
      const status = answer.writableFinished ? answer.statusCode : clientGone;
      metrics.inFlight.value -= 1;
      recorderOf(route, method)(status, ms / 1000);
      // what Fastify could not route lacks the service's own properties
      requestLog?.write({
        req: request.id,
        trace: request.traceId,
        method,
        url,
        status,
        ms,
        client,
        key: request.credential ?? null,
      });
    });
    const replayed = position();
    if (replayed !== null) reply.header(positionHeaderName, replayed);
    return admission.admit(request, reply, { client, route, now: started }, unreadable) ?? closed(request, reply);
  };

  /** For API requests only: probes and scrapes are answered even when these are refused. */
  function closed({ routeOptions, headers, held, raw }: FastifyRequest, reply: FastifyReply): Problem | null {
    const { access } = routeOptions.config;
    if (access !== 'read' && access !== 'key') return null;
    const outdated = schema.problem();
    if (outdated !== null) return outdated;
    const announced = Number(headers['content-length'] ?? 0);
    if (held.hasRoomFor(Math.min(announced, bodyLimitBytes))) return null;
    // a refusal behind an answer that is still to come waits as well: a client that keeps sending ahead is disconnected
    if (reply.raw.socket === null && memory.isOverfull()) raw.socket.destroySoon();
    return outOfMemory();
  }
}

/** Node closes the answer whose turn it is when its connection closes, and forgets those that wait behind it. */
function closeWith(socket: Socket, answer: ServerResponse): void {
  const close = () => {
    if (answer.socket === null && !answer.closed) answer.emit('close');
  };
  // as many as were sent ahead
  socket.setMaxListeners(0);
  socket.on('close', close);
  answer.once('close', () => socket.off('close', close));
}

type Route = FastifyRequest['routeOptions'];

/** How a request of a route is counted. Its `config` is one object for the life of the service. */
function createRecorders(metrics: Metrics): (route: Route, method: string) => RequestRecorder {
  const known = new WeakMap<object, Map<string, RequestRecorder>>();
  return ({ config, url = 'unmatched' }, method) => {
    let byMethod = known.get(config);
    if (byMethod === undefined) {
      byMethod = new Map();
      known.set(config, byMethod);
    }
    let recorder = byMethod.get(method);
    if (recorder === undefined) {
      recorder = metrics.requests(method, url, config.access === 'read' || config.access === 'key');
      byMethod.set(method, recorder);
    }
    return recorder;
  };
}

/** The trace id of a W3C `traceparent` (Trace Context, 3.2.2); null for what is to be ignored. */
function parseTraceparent(header: string | string[] | undefined): string | null {
  if (typeof header !== 'string') return null;
  const [, version, trace = '', span = '', more] = traceparent.exec(header) ?? [];
  if (version === undefined || version === 'ff' || /^0+$/.test(trace) || /^0+$/.test(span)) return null;
  return version === '00' && more !== undefined ? null : trace;
}

const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
