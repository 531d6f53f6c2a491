/**
 * What a value is, for people: words for a plain value, the same keys for an object, one element for a list. A key that the type
 * does not have, or lacks here, does not compile.
 */
export type Shape<T> =
  | string
  | ([T] extends [readonly (infer Element)[]]
      ? readonly [Shape<Element>]
      : [T] extends [object]
        ? { readonly [Key in keyof T]-?: Shape<NonNullable<T[Key]>> }
        : never);

/** A command's answer: what it is, in a sentence, and its shape. */
export interface Answer {
  says: string;
  shape: Shape<unknown>;
}

/** An answer whose shape the compiler holds against its type. */
export const answerOf = <T>(says: string, shape: Shape<T>): Answer => ({ says, shape: shape as Shape<unknown> });

/** Columns up to which an object is shown in one line. */
const width = 110;

/** A shape as a reference shows it. */
export function renderShape(shape: unknown, indent = ''): string {
  if (typeof shape === 'string') return shape;
  if (Array.isArray(shape)) return `[${renderShape(shape[0], indent)}]`;
  const fields = Object.entries(shape as Readonly<Record<string, unknown>>);
  const line = `{ ${fields.map(([key, value]) => `${key}: ${renderShape(value, indent)}`).join(', ')} }`;
  if (!line.includes('\n') && indent.length + line.length <= width) return line;
  const inner = `${indent}  `;
  return `{\n${fields.map(([key, value]) => `${inner}${key}: ${renderShape(value, inner)}\n`).join('')}${indent}}`;
}
