import { errorCodes, type FastifyRequest, type RawRequestDefaultExpression } from 'fastify';
import { Problem } from './problems.ts';

const { FST_ERR_CTP_BODY_TOO_LARGE, FST_ERR_CTP_INVALID_CONTENT_LENGTH } = errorCodes;

export const bodyLimitBytes = 1024 * 1024;

/** The response while requests in progress use all the memory that they may. */
export function outOfMemory(): Problem {
  return new Problem('busy', 'Requests in progress use all of their memory limit (REQUEST_MEMORY_MIB).', {
    headers: { 'retry-after': '1' },
  });
}

/**
 * Reads a whole body, as Fastify does, but that its bytes are counted as they come: what a client has only announced takes
 * no room from others, and what was sent without a length is counted all the same.
 */
export function readBody(
  { headers, held }: FastifyRequest,
  stream: RawRequestDefaultExpression,
  done: (error: Error | null, body: Buffer) => void,
): void {
  const announced = headers['content-length'] === undefined ? null : Number(headers['content-length']);
  const chunks: Buffer[] = [];
  let received = 0;

  function finish(error: Error | null): void {
    stream.off('data', take).off('end', end).off('error', fail);
    if (error !== null) {
      chunks.length = 0;
      held.dropBody();
    }
    done(error, error === null ? Buffer.concat(chunks, received) : none);
  }

  function take(chunk: Buffer): void {
    received += chunk.length;
    if (received > bodyLimitBytes) finish(new FST_ERR_CTP_BODY_TOO_LARGE());
    else if (!held.takeBody(chunk.length)) finish(outOfMemory());
    else chunks.push(chunk);
  }

  function end(): void {
    finish(announced === null || announced === received ? null : new FST_ERR_CTP_INVALID_CONTENT_LENGTH());
  }

  function fail(error: Error & { statusCode?: number }): void {
    // a client that breaks off is at fault itself
    if (!(typeof error.statusCode === 'number' && error.statusCode >= 400)) error.statusCode = 400;
    finish(error);
  }

  if (announced !== null && announced > bodyLimitBytes) {
    finish(new FST_ERR_CTP_BODY_TOO_LARGE());
  } else {
    stream.on('data', take).on('end', end).on('error', fail);
    stream.resume();
  }
}

const none = Buffer.alloc(0);
