/** A kind of problem: what `GET /problems/{kind}` says of it. */
interface Kind {
  status: number;
  title: string;
  /** What the client can do. */
  advice: string;
}

/** Every kind of problem the services answer: the last part of `type`, and what goes with it. */
export const problemKinds = {
  'bad-request': {
    status: 400,
    title: 'The request is malformed',
    advice: 'Correct what the detail names; sent again as it is, the request is refused again.',
  },
  unauthorized: { status: 401, title: 'A valid key is needed', advice: 'Send "Authorization: Bearer <key>".' },
  forbidden: {
    status: 403,
    title: 'Not from this address',
    advice: 'Ask from an address in INTERNAL_CIDRS; metrics, figures and states are not for everybody.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such thing',
    advice: 'Look at the path; an item may have been deleted, and a replica may not have a new one yet (Min-LSN).',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The method is not allowed here',
    advice: 'Use a method that Allow names. The read service has no writes; they are for the write service.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request did not arrive in time',
    advice: 'Send the whole request within REQUEST_TIMEOUT_MS.',
  },
  'key-in-use': {
    status: 409,
    title: 'The first request with this key is still running',
    advice: 'Send the same request again after Retry-After: it is answered as the first one was.',
  },
  conflict: {
    status: 409,
    title: 'The request conflicts with what is stored',
    advice: 'Read what is stored, and decide anew.',
  },
  'precondition-failed': {
    status: 412,
    title: 'The item has changed',
    advice: 'Read the item again, and send the change with its new ETag.',
  },
  'too-large': {
    status: 413,
    title: 'The request is too large',
    advice: 'Send less at a time: a body may have a mebibyte.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Send application/json',
    advice: 'Say that the body is application/json, uncompressed and in UTF-8, and send that.',
  },
  'expectation-failed': {
    status: 417,
    title: 'The expectation cannot be met',
    advice: 'Leave Expect away, or expect 100-continue.',
  },
  validation: {
    status: 422,
    title: 'The request is not valid',
    advice: 'Correct what errors names: each has the path of a value and what it must be.',
  },
  'key-reused': {
    status: 422,
    title: 'The key was used with another request',
    advice: 'Use a new Idempotency-Key for a new request.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    advice: 'Wait for Retry-After; RateLimit and RateLimit-Policy say what is allowed.',
  },
  'headers-too-large': { status: 431, title: 'The headers are too large', advice: 'Send less than 16 KiB of headers.' },
  internal: {
    status: 500,
    title: 'The service failed',
    advice: 'Tell whoever runs the service the request_id. A write may have been applied: its Idempotency-Key tells.',
  },
  unavailable: {
    status: 503,
    title: 'The database is not available',
    advice: 'Nothing was applied. Send the request again after Retry-After.',
  },
  busy: {
    status: 503,
    title: 'Too many requests are waiting',
    advice: 'Nothing was applied. Send the request again after Retry-After, and fewer at a time.',
  },
  'schema-outdated': {
    status: 503,
    title: 'The database schema is older than the service',
    advice: 'Nothing was applied. An operator has to run `pgha migrate`; send the request again after Retry-After.',
  },
  'replica-behind': {
    status: 503,
    title: 'The replica has not caught up',
    advice: 'Ask again after Retry-After; lag_bytes says how far the replica is behind Min-LSN.',
  },
  'outcome-unknown': {
    status: 504,
    title: 'It is not known whether the write was applied',
    advice: 'Send the request again with the same Idempotency-Key: it is applied once, whichever it was.',
  },
} as const satisfies Record<string, Kind>;

export type ProblemKind = keyof typeof problemKinds;

/** The `type` of a problem: the address at which the service explains it (RFC 9457, 3.1.1). */
export function problemType(kind: ProblemKind): string {
  return `/problems/${kind}`;
}
