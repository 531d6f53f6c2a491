import { parseSync, Visitor } from 'oxc-parser';
import type { Piece } from './wording.ts';

/** The text of a file that users read: all of a document, the strings of a program. */
export function piecesOf(file: string, text: string): readonly Piece[] {
  if (file.endsWith('.ts') && file !== 'pgha.config.example.ts') return stringsOf(file, text);
  if (file.endsWith('.py') || file.endsWith('.sh')) return codeOf(text);
  return [{ line: 1, text }];
}

/** String literals and the fixed parts of templates; one without a space is a key, a name or a value. */
function stringsOf(file: string, text: string): readonly Piece[] {
  return literalsOf(file, text)
    .filter(({ value }) => /\s/.test(value))
    .map(({ start, value }) => ({ line: text.slice(0, start).split('\n').length, text: value }));
}

/** Everything that a program can say, in the order of its source, without what is put in at run time. */
export const codeTextOf = (file: string, text: string): string =>
  file.endsWith('.ts')
    ? literalsOf(file, text)
        .map(({ value }) => value)
        .join('')
    : text;

function literalsOf(file: string, text: string): readonly { start: number; value: string }[] {
  const literals: { start: number; value: string }[] = [];
  const add = (start: number, value: string) => void literals.push({ start, value });
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`);
  new Visitor({
    Literal: ({ start, value }) => {
      if (typeof value === 'string') add(start, value);
    },
    TemplateElement: ({ start, value }) => add(start, value.cooked ?? value.raw),
  }).visit(program);
  return literals.sort((one, other) => one.start - other.start);
}

/** The quoted texts of several words in a program's lines; comments and docstrings are not shown to users. */
const codeOf = (text: string): readonly Piece[] =>
  text.split('\n').flatMap((row, index) => {
    const quoted = /^\s*(#|""")/.test(row) ? [] : [...row.matchAll(/"[^"]*"|'[^']*'/g)].map(([found]) => found);
    const said = quoted.filter((each) => /\s/.test(each));
    return said.length === 0 ? [] : [{ line: index + 1, text: said.join(' ') }];
  });
