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
    title: 'Malformed request',
    advice: 'Correct what the detail names. The same request will fail again.',
  },
  unauthorized: {
    status: 401,
    title: 'Authentication required',
    advice: 'Send a valid API key: "Authorization: Bearer <key>".',
  },
  forbidden: {
    status: 403,
    title: 'Client address not allowed',
    advice: 'Metrics, statistics and status are available only to client addresses in INTERNAL_CIDRS.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    advice: 'Check the path. The item may have been deleted, or may not have reached this replica yet: send Min-LSN.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    advice: 'Use a method listed in Allow. The read API accepts no writes; send them to the write API.',
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    advice: 'Send the whole request within REQUEST_TIMEOUT_MS.',
  },
  'key-in-use': {
    status: 409,
    title: 'A request with this Idempotency-Key is in progress',
    advice: 'Send the same request again after Retry-After; it returns the response of the first one.',
  },
  conflict: {
    status: 409,
    title: 'Conflict with existing data',
    advice: 'Read the current data and change the request.',
  },
  'precondition-failed': {
    status: 412,
    title: 'Precondition failed',
    advice: 'The item has changed. Read it again and send the change with its current ETag.',
  },
  'too-large': {
    status: 413,
    title: 'Request body too large',
    advice: 'Send smaller requests: the limit for a body is 1 MiB.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    advice: 'Send the body as JSON in UTF-8, uncompressed, with Content-Type: application/json.',
  },
  'expectation-failed': {
    status: 417,
    title: 'Unsupported Expect header',
    advice: 'Omit Expect, or send Expect: 100-continue.',
  },
  validation: {
    status: 422,
    title: 'Validation failed',
    advice: 'Correct the values listed in errors; each entry has the path of a value and the rule it breaks.',
  },
  'key-reused': {
    status: 422,
    title: 'Idempotency-Key reused with a different request',
    advice: 'Use a new Idempotency-Key for a new request.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    advice: 'Wait for Retry-After. RateLimit and RateLimit-Policy state the limit.',
  },
  'headers-too-large': { status: 431, title: 'Request headers too large', advice: 'Send less than 16 KiB of headers.' },
  internal: {
    status: 500,
    title: 'Internal server error',
    advice:
      'Report the request_id to the operator of the service. A write may have been applied: send it again with the same Idempotency-Key to find out.',
  },
  unavailable: {
    status: 503,
    title: 'Database unavailable',
    advice: 'Nothing was applied. Send the request again after Retry-After.',
  },
  busy: {
    status: 503,
    title: 'Server busy',
    advice: 'Nothing was applied. Send the request again after Retry-After, with fewer concurrent requests.',
  },
  'schema-outdated': {
    status: 503,
    title: 'Database schema out of date',
    advice: 'Nothing was applied. An operator must run `pgha migrate`; then send the request again.',
  },
  'replica-behind': {
    status: 503,
    title: 'Replica has not reached Min-LSN',
    advice: 'Send the request again after Retry-After; lag_bytes is the distance of the replica from Min-LSN.',
  },
  'outcome-unknown': {
    status: 504,
    title: 'Write outcome unknown',
    advice: 'Send the request again with the same Idempotency-Key: the write is applied exactly once either way.',
  },
} as const satisfies Record<string, Kind>;

export type ProblemKind = keyof typeof problemKinds;

/** The `type` of a problem: the address at which the service explains it (RFC 9457, 3.1.1). */
export function problemType(kind: ProblemKind): string {
  return `/problems/${kind}`;
}
