import {
  ClientGoneError,
  classify,
  DeadlineError,
  FinalAnswerError,
  formatLsn,
  isDatabaseError,
  KeyInUseError,
  KeyReusedError,
  OutcomeUnknownError,
  QueueFullError,
  ReplicaBehindError,
} from '@pgha/db';
import type { FastifyError } from 'fastify';
import { type Static, Type } from 'typebox';
import { type ProblemKind, problemKinds, problemType } from './problem-kinds.ts';

/** A response in the form of RFC 9457. Thrown anywhere in a request, sent by the error handler. */
export class Problem extends FinalAnswerError {
  readonly kind: ProblemKind;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly extra: Record<string, unknown>;

  constructor(
    kind: ProblemKind,
    detail: string,
    options: { headers?: Record<string, string>; extra?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
    this.kind = kind;
    this.status = problemKinds[kind].status;
    this.headers = options.headers ?? {};
    this.extra = options.extra ?? {};
  }

  /** The body to send; `instance` is the request's path. */
  toBody(instance: string, requestId: string): ProblemBody {
    return {
      type: problemType(this.kind),
      title: problemKinds[this.kind].title,
      status: this.status,
      detail: this.message,
      instance,
      ...this.extra,
      ...(this.status >= 500 ? { request_id: requestId } : {}),
    };
  }
}

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ format: 'uri-reference', description: 'path of the explanation of this kind of problem' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String({ format: 'uri-reference' }),
    errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
    request_id: Type.Optional(Type.String({ description: 'also in the log of the service' })),
    lag_bytes: Type.Optional(Type.Integer({ description: 'bytes of WAL by which the replica is behind Min-LSN' })),
  },
  { $id: 'Problem', description: 'RFC 9457' },
);
export type ProblemBody = Static<typeof ProblemSchema>;

const header = (name: string, description: string) => ({ [name]: { type: 'string', description } });
const retryHeader = header('Retry-After', 'seconds to wait before sending the request again');
/** What comes with every problem of a status. */
const headersOf: Record<number, object> = {
  401: header('WWW-Authenticate', 'Bearer'),
  405: header('Allow', 'the methods allowed for this path'),
  429: retryHeader,
  503: retryHeader,
};

/** The OpenAPI responses for some kinds of problem, one per status. */
export function problemResponses(...of: ProblemKind[]): Record<number, object> {
  const byStatus = Map.groupBy(of, (kind) => problemKinds[kind].status);
  return Object.fromEntries(
    [...byStatus].map(([status, kinds]) => [
      status,
      {
        description: kinds.map((kind) => `${kind}: ${problemKinds[kind].title}`).join('; '),
        ...(headersOf[status] ? { headers: headersOf[status] } : {}),
        content: {
          'application/problem+json': {
            schema: Type.Ref('Problem'),
            examples: problemExamples(kinds),
          },
        },
      },
    ]),
  );
}

/** OpenAPI examples, one per kind. */
export function problemExamples(kinds: ProblemKind[]): Record<string, { value: ProblemBody }> {
  return Object.fromEntries(kinds.map((kind) => [kind, { value: example(kind) }]));
}

function example(kind: ProblemKind): ProblemBody {
  const { advice } = problemKinds[kind];
  if (kind !== 'validation') return new Problem(kind, advice).toBody('/items/1', 'q3Zk0bXw-7');
  const errors = [{ path: 'body/price', message: 'must be >= 0' }];
  return new Problem(kind, 'body/price must be >= 0', { extra: { errors } }).toBody('/items/1', '');
}

const retryAfterSeconds = '1';
const unavailable = { headers: { 'retry-after': retryAfterSeconds } };

/** What an error means to the client. Never shows what the database or the code said. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return (
    fromRide(error) ??
    fromDatabase(error) ??
    (error instanceof Error ? fromFastify(error as FastifyError) : null) ??
    new Problem('internal', 'Unexpected error; the log of the service has it under request_id.', { cause: error })
  );
}

function fromRide(error: unknown): Problem | null {
  if (error instanceof QueueFullError)
    return new Problem('busy', 'The queue of requests waiting for a database server is full.', unavailable);
  // no one receives it; the request is counted and logged like any other
  if (error instanceof ClientGoneError)
    return new Problem('unavailable', 'The client closed the connection.', unavailable);
  if (error instanceof DeadlineError) {
    return new Problem(
      'unavailable',
      'No database server with the required role responded before the deadline. Nothing was applied.',
      {
        ...unavailable,
        cause: error,
      },
    );
  }
  if (error instanceof OutcomeUnknownError) {
    return new Problem('outcome-unknown', 'Send the request again with the same Idempotency-Key to find out.', {
      cause: error,
    });
  }
  if (error instanceof KeyInUseError) return new Problem('key-in-use', error.message, unavailable);
  if (error instanceof KeyReusedError) return new Problem('key-reused', error.message);
  if (error instanceof ReplicaBehindError) {
    const lag = error.wanted.lsn - error.reached.lsn;
    return new Problem(
      'replica-behind',
      `The replica has replayed up to ${formatLsn(error.reached)}, not yet up to Min-LSN.`,
      {
        headers: { 'retry-after': retryAfterSeconds, 'replica-lsn': formatLsn(error.reached) },
        extra: { lag_bytes: Number(lag > 0n ? lag : 0n) },
      },
    );
  }
  return null;
}

/** Refusals by the database that a request can cause: constraint violations and values out of range. */
const conflictStates = new Set(['23505', '23P01', '23503']);
const invalidStates = new Set([
  '23502',
  '23514',
  '22001',
  '22003',
  '22007',
  '22008',
  '22021',
  '22P02',
  '22P03',
  '22P05',
]);

function fromDatabase(error: unknown): Problem | null {
  if (!isDatabaseError(error)) {
    // a connection that could not be had outside a ride
    return classify(error) === 'never-ran' || classify(error) === 'refused'
      ? new Problem('unavailable', 'The database is unreachable.', { ...unavailable, cause: error })
      : null;
  }
  if (conflictStates.has(error.code))
    return new Problem('conflict', 'The request violates a unique, foreign key or exclusion constraint.', {
      cause: error,
    });
  if (invalidStates.has(error.code))
    return new Problem('validation', 'The database rejected a value.', { cause: error });
  // configuration_limit_exceeded: temp_file_limit, which ends this statement and no other
  if (error.code === '53400')
    return new Problem(
      'unavailable',
      'The request needs more temporary disk space than a statement may use (temp_file_limit).',
      {
        ...unavailable,
        cause: error,
      },
    );
  // insufficient resources: disk full, out of memory, too many connections
  if (error.code.startsWith('53'))
    return new Problem('unavailable', 'The database is out of resources (disk, memory or connections).', {
      ...unavailable,
      cause: error,
    });
  return null;
}

const fastifyKinds: Record<string, [kind: ProblemKind, detail: string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['too-large', 'The limit for a request body is 1 MiB.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'The Content-Type must be application/json.'],
};

function fromFastify(error: FastifyError): Problem | null {
  if (error.validation) {
    const where = error.validationContext === 'params' ? 'path' : (error.validationContext ?? 'body');
    const errors = error.validation.slice(0, 20).map((each) => ({
      path: `${where === 'querystring' ? 'query' : where}${each.instancePath || propertyPath(each.params)}`,
      message: describeRule(each),
    }));
    // where a path has a choice of words, another word is no address
    if (where === 'path' && error.validation[0]?.keyword === 'enum')
      return new Problem('not-found', 'No resource exists at this path.');
    const kind = where === 'headers' ? 'bad-request' : 'validation';
    return new Problem(kind, errors.map((each) => `${each.path} ${each.message}`).join('; '), { extra: { errors } });
  }
  const known = fastifyKinds[error.code];
  if (known) return new Problem(...known);
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new Problem('bad-request', error.message);
  }
  return null;
}

function describeRule({
  keyword,
  message,
  params,
}: {
  keyword: string;
  message?: string;
  params: Record<string, unknown>;
}): string {
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') return 'is not a known field';
  if (keyword === 'required') return 'is required';
  // in a body the type says it all; elsewhere everything is text, and the question is how to write it
  if (keyword === 'type' && params['type'] === 'integer') return 'must be an integer, in decimal digits';
  if (keyword === 'pattern') return `must match ${String(params['pattern'])}`;
  return message ?? 'is not valid';
}

function propertyPath(params: Record<string, unknown>): string {
  const name = params['missingProperty'] ?? params['additionalProperty'];
  return typeof name === 'string' ? `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` : '';
}
