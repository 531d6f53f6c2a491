import { readFileSync } from 'node:fs';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** Who wrote a text, for the message about one that does not have the agreed form. */
export interface Origin {
  /** The program, service or file: `pgha-observe`, `Patroni GET /cluster`, `/pgha/drill in etcd`. */
  program: string;
  /** The node it runs on. */
  host?: string;
  /**
   * The release of pgha that the program is from; null where a node does not tell, which may run the release before. Absent for what
   * is no program of ours.
   */
  release?: string | null;
  /** A value of it may be a secret: a message then tells its kind and never shows it. */
  isSecret?: boolean;
}

/** What a schema describes, its arrays read-only: an answer is read, never changed. */
export type Parsed<S extends TSchema> = WithReadonlyArrays<Static<S>>;

type WithReadonlyArrays<T> = 0 extends 1 & T
  ? T
  : T extends readonly (infer Item)[]
    ? readonly WithReadonlyArrays<Item>[]
    : T extends object
      ? { [Key in keyof T]: WithReadonlyArrays<T[Key]> }
      : T;

/** What another program said does not have the agreed form. */
export class ProtocolError extends Error {
  override name = 'ProtocolError';
  /** RFC 6901 pointer to the field; empty: the text as a whole. */
  readonly field: string;

  constructor(message: string, field: string, options?: ErrorOptions) {
    super(message, options);
    this.field = field;
  }
}

/**
 * Parses what another process said. The only place where JSON becomes a value, so that nothing of it is believed unseen.
 *
 * Fields that the schema does not name are accepted and kept: a newer program may tell more. Fields that the release before did not
 * tell are optional in the schema, which says what their absence means.
 *
 * @param text JSON.
 * @throws ProtocolError which names the program, the field, what was expected and found, and the releases of both sides.
 */
export function parse<S extends TSchema>(schema: S, text: string, origin: Origin): Parsed<S> {
  return check(schema, parseJson(text, origin), origin);
}

/**
 * Checks a value that is part of an answer which was parsed before.
 *
 * @throws ProtocolError as `parse`.
 */
export function check<S extends TSchema>(schema: S, value: unknown, origin: Origin): Parsed<S> {
  if (isOf(schema, value)) return value;
  const { field, expected } = describeMismatch(schema, value);
  const where = field === '' ? 'the answer' : `field ${field}`;
  const found = describeFound(valueAt(value, field), origin.isSecret === true);
  throw new ProtocolError(
    `${nameOf(origin)}: ${where} must ${expected}, found ${found}${describeReleases(origin)}`,
    field,
  );
}

/** The release of this side. */
export const ownRelease: string = (
  Object(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))) as { version: string }
).version;

function parseJson(text: string, origin: Origin): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const found = text.trim() === '' ? 'nothing' : describeFound(text, origin.isSecret === true);
    // the engine's own message quotes the text
    const options = origin.isSecret === true ? {} : { cause };
    throw new ProtocolError(`${nameOf(origin)}: expected JSON, found ${found}${describeReleases(origin)}`, '', options);
  }
}

function isOf<S extends TSchema>(schema: S, value: unknown): value is Parsed<S> {
  return Value.Check(schema, value);
}

/** The mismatch that is deepest in the value: of a union, the one in the alternative that fits best. */
function describeMismatch(schema: TSchema, value: unknown): { field: string; expected: string } {
  const mismatches = Value.Errors(schema, value).flatMap(({ keyword, instancePath, message, params }) => {
    if (keyword === 'anyOf') return [];
    const missing = keyword === 'required' ? (params as { requiredProperties: string[] }).requiredProperties : null;
    if (missing !== null)
      return missing.map((name) => ({ field: `${instancePath}/${escaped(name)}`, expected: 'exist' }));
    return [{ field: instancePath, expected: message.replace(/^must /, '') + allowedIn(params) }];
  });
  const depth = ({ field }: { field: string }) => field.split('/').length;
  const [first] = mismatches.toSorted((a, b) => depth(b) - depth(a));
  if (first === undefined) return { field: '', expected: 'match the schema' };
  const expected = mismatches.filter(({ field }) => field === first.field).map((each) => each.expected);
  return { field: first.field, expected: [...new Set(expected)].join(' or ') };
}

/** What a constant or an enumeration allows. */
function allowedIn(params: object): string {
  if ('allowedValue' in params) return ` ${JSON.stringify(params.allowedValue)}`;
  if ('allowedValues' in params) return ` ${JSON.stringify(params.allowedValues)}`;
  return '';
}

const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

function valueAt(value: unknown, pointer: string): unknown {
  const names = pointer.split('/').slice(1);
  return names.reduce<unknown>((at, name) => {
    const key = name.replaceAll('~1', '/').replaceAll('~0', '~');
    return typeof at === 'object' && at !== null ? Object.entries(at).find(([each]) => each === key)?.[1] : undefined;
  }, value);
}

/** Enough of a value to recognize it; a document has no place in a message. */
const shownCharacters = 60;

function describeFound(value: unknown, isSecret: boolean): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'boolean') return `${value}`;
  if (isSecret || typeof value === 'object')
    return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  const text = JSON.stringify(value);
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
}

const nameOf = ({ program, host }: Origin) => (host === undefined ? program : `${program} on ${host}`);

function describeReleases({ program, release }: Origin): string {
  if (release === undefined) return ` (release of this pgha: ${ownRelease})`;
  const theirs = release ?? 'unknown, it may be the one before';
  return ` (release of ${program}: ${theirs}; of this pgha: ${ownRelease}). If the node runs an older release, run "pgha apply"`;
}
