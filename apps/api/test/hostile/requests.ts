import fc from 'fast-check';
import type { DocumentedOperation } from '../contract/fixture/document.ts';

/** An operation of the document. */
export interface Operation {
  method: string;
  template: string;
  documented: DocumentedOperation;
}

/** A path segment: text as it goes over the wire, or one of the worker's own items, chosen when the request is sent. */
export type Segment = { text: string } | { own: number };

/** A header value: text, or one that depends on what the worker has been answered so far. */
export type HeaderValue =
  | { text: string }
  | { etagOf: 'own' | 'other'; form: (etag: string) => string }
  | { position: true };

export const text = (value: string): HeaderValue => ({ text: value });

/** How a part of a request is made: as documented, or to break something. */
export type Flavour = 'clean' | 'hostile';

/** A request before it is sent. `clean` says that every part of it is as documented. */
export interface RequestPlan {
  operation: Operation;
  method: string;
  segments: Record<string, Segment>;
  /** With its question mark; empty for none. */
  query: string;
  headers: [name: string, value: HeaderValue][];
  body: Buffer | null;
  chunked: boolean;
  clean: boolean;
  /** Sends the worker's last accepted request with a key once more instead of this one. */
  replay: boolean;
  /** The error of a failure has the bytes; this only says what was being tried. */
  [fc.toStringMethod]: () => string;
}

/** What a plan needs to know of the worker that sends it. */
export interface Circumstances {
  ownIds: string[];
  etagOf(id: string): string | undefined;
  /** The last Commit-LSN the worker was given. */
  position: string | null;
}

/** A request as it goes over the wire. */
export interface ConcreteRequest {
  method: string;
  target: string;
  path: string;
  /** The item it names, when that is one of the worker's own. */
  ownId: string | null;
  headers: [name: string, value: string][];
  body: Buffer | null;
  bytes: Buffer;
}

const noItem = '9000000000000000000';

export function concrete(plan: RequestPlan, circumstances: Circumstances): ConcreteRequest {
  const { ownIds } = circumstances;
  let ownId: string | null = null;
  const path = plan.operation.template.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const segment = plan.segments[name] ?? { text: '' };
    if ('text' in segment) return segment.text;
    ownId = ownIds.length === 0 ? null : (ownIds[segment.own % ownIds.length] ?? null);
    return ownId ?? noItem;
  });
  const etag = (ownId === null ? undefined : circumstances.etagOf(ownId)) ?? '"none"';
  const headers = plan.headers.map(([name, value]): [string, string] => {
    if ('text' in value) return [name, value.text];
    if ('position' in value) return [name, circumstances.position ?? '0/1'];
    return [name, value.form(value.etagOf === 'own' ? etag : '"20000101000000000000"')];
  });
  const target = path + plan.query;
  return { ...render(plan.method, target, headers, plan.body, plan.chunked), path, ownId };
}

/** The bytes of a request; the length is said truthfully. */
function render(
  method: string,
  target: string,
  headers: [string, string][],
  body: Buffer | null,
  chunked: boolean,
): Omit<ConcreteRequest, 'path' | 'ownId'> {
  const framing: [string, string][] =
    body === null ? [] : chunked ? [['Transfer-Encoding', 'chunked']] : [['Content-Length', String(body.length)]];
  const lines = [['Host', 'pgha.test'], ...headers, ...framing].map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  const bytes = body === null ? head : Buffer.concat([head, chunked ? inChunks(body) : body]);
  return { method, target, headers, body, bytes };
}

/** Two chunks, so that their border falls somewhere within the body. */
function inChunks(body: Buffer): Buffer {
  const middle = Math.floor(body.length / 3);
  const parts = [body.subarray(0, middle), body.subarray(middle)].filter((part) => part.length > 0);
  const chunks = parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
  return Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
}

/** The request as a string of JavaScript that gives its bytes: what a failure shows, to be sent again. */
export function describeBytes(bytes: Buffer): string {
  const shown = bytes.length > 6_000 ? bytes.subarray(0, 6_000) : bytes;
  const text = JSON.stringify(shown.toString('latin1')).replaceAll(/[\x7f-\xff]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  const rest = bytes.length - shown.length;
  return `Buffer.from(${text}, 'latin1')${rest > 0 ? ` and ${rest} bytes more` : ''}`;
}
