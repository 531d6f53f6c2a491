import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { FastifyInstance } from 'fastify';
import { readBody } from './body.ts';
import { Problem } from './problems.ts';
import { textReader } from './text-values.ts';

const shared = { useDefaults: true, removeAdditional: false, strict: false, coerceTypes: false } as const;

/** Bodies are taken as they are; parameters and headers arrive as text and are read as what their schema says. */
export function useStrictValidation(app: FastifyInstance): void {
  const firstError = new Ajv({ ...shared, allErrors: false });
  const allErrors = new Ajv({ ...shared, allErrors: true });
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const all = allErrors.compile(schema as object);
    return httpPart === 'body' ? inTwoSteps(firstError.compile(schema as object), all) : afterReading(schema, all);
  });
}

function afterReading(schema: object, check: ValidateFunction) {
  const read = textReader(schema);
  if (read === null) return check;
  const validate = (texts: Record<string, unknown>): boolean => {
    read(texts);
    const isValid = check(texts);
    validate.errors = check.errors ?? null;
    return isValid;
  };
  validate.errors = null as ErrorObject[] | null;
  return validate;
}

/** Enough for the largest batch: a thousand items of four fields. */
const mostValues = 10_000;

/**
 * Says everything that is wrong with a body of a sensible size and only the first thing of a larger one: a megabyte of
 * empty objects has so many errors that listing them would block the service for all other clients for most of a second.
 */
function inTwoSteps(first: ValidateFunction, all: ValidateFunction) {
  const validate = (body: unknown): boolean => {
    if (first(body)) return true;
    validate.errors = first.errors ?? null;
    if (hasAtMost(body, mostValues)) {
      all(body);
      validate.errors = all.errors ?? null;
    }
    return false;
  };
  validate.errors = null as ErrorObject[] | null;
  return validate;
}

/** Whether a body holds at most so many values, counted two levels deep, which is as deep as a schema here looks. */
function hasAtMost(body: unknown, limit: number): boolean {
  if (typeof body !== 'object' || body === null) return true;
  const members = Object.values(body);
  let count = members.length;
  for (const member of members) {
    if (count > limit) return false;
    if (typeof member === 'object' && member !== null) count += Object.keys(member).length;
  }
  return count <= limit;
}

/** Bytes that are not UTF-8 would be replaced silently; they are refused. A DELETE may declare JSON and send nothing. */
export function useStrictJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (request, stream, done) => {
    readBody(request, stream, (failure, body) => {
      if (failure) return done(failure, undefined);
      const coding = request.headers['content-encoding'];
      if (coding !== undefined && coding.toLowerCase() !== 'identity')
        return done(
          new Problem('unsupported-media-type', 'Content-Encoding is not supported; send the body uncompressed.'),
          undefined,
        );
      if (body.length === 0 && request.method === 'DELETE') return done(null, undefined);
      if (!isUtf8(body)) return done(new Problem('bad-request', 'The body is not valid UTF-8.'), undefined);
      return parse(request, body.toString(), (error, value) => {
        done(error ? new Problem('bad-request', 'The body is not valid JSON.', { cause: error }) : null, value);
      });
    });
  });
}

/** As nginx does (lingering_time, lingering_timeout), with less patience. */
const linger = { ms: 2_000, bytes: 64 * 1024 * 1024 };

/**
 * Reads the rest of a body that is not wanted, for a while. Closing the connection under a client that is still sending
 * resets it, and the client loses the answer that says why.
 */
export function discardBody(request: IncomingMessage): Promise<void> {
  const { headers, complete, destroyed } = request;
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  if (complete || destroyed || !hasBody) return Promise.resolve();
  return new Promise((resolve) => {
    let seenBytes = 0;
    const count = (chunk: Buffer) => {
      seenBytes += chunk.length;
      if (seenBytes > linger.bytes) finish();
    };
    const finish = () => {
      clearTimeout(timer);
      request.off('data', count).off('end', finish).off('error', finish).off('close', finish);
      resolve();
    };
    const timer = setTimeout(finish, linger.ms);
    request.on('data', count).on('end', finish).on('error', finish).on('close', finish);
    request.resume();
  });
}
