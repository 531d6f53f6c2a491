import { UsageError } from '../../exit-codes.ts';

/** A table of a database, by its exact names. */
export interface TableName {
  schema: string;
  table: string;
}

/** PostgreSQL cuts longer ones when it makes them: no table has such a name. */
const longestBytes = 63;
/** A part of a name as SQL has it: quoted, or of letters, digits, underscores and dollar signs. */
const part = /^(?:"((?:[^"]|"")*)"|([A-Za-z_\u0080-\u{10ffff}][\w$\u0080-\u{10ffff}]*))/u;

/**
 * Reads a table's name as SQL does: `Orders` is orders, `"Order Items"` is itself, and without a schema it is one of public.
 *
 * @throws UsageError when it is no name of a table.
 */
export function tableNamed(text: string): TableName {
  const parts: string[] = [];
  let rest = text;
  for (;;) {
    const [whole = '', quoted, plain] = part.exec(rest) ?? [];
    const name = quoted?.replaceAll('""', '"') ?? plain?.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) ?? '';
    if (name === '')
      throw noName(text, 'quote it as in SQL, and for the shell too: \'"Order Items"\', \'sales."2025"\'');
    if (name.includes('\0')) throw noName(text, 'a name cannot contain a zero byte');
    if (Buffer.byteLength(name) > longestBytes) throw noName(text, `a name can have at most ${longestBytes} bytes`);
    parts.push(name);
    rest = rest.slice(whole.length);
    if (rest === '') break;
    if (!rest.startsWith('.')) throw noName(text, 'quote it as in SQL, and for the shell too: \'"Order Items"\'');
    rest = rest.slice(1);
  }
  const [first = '', second, ...more] = parts;
  if (more.length > 0) throw noName(text, 'expected SCHEMA.TABLE; quote names that contain a dot');
  return second === undefined ? { schema: 'public', table: first } : { schema: first, table: second };
}

/** The name for people, quoted where SQL needs it. */
export function showTable({ schema, table }: TableName): string {
  return [schema, table]
    .map((name) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`))
    .join('.');
}

const noName = (text: string, remedy: string) => new UsageError(`--table ${text} is not a valid table name: ${remedy}`);
