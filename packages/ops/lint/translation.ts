import { dirname, join, normalize } from 'node:path';
import { blocksOf, codeSpansOf, commandLinesOf, headingsOf, localLinksOf } from '../test/markdown.ts';

/** Reads a page by its path from the repository's root; null where there is none. */
export type ReadPage = (path: string) => string | null;

/** The lines below the titles that lead from one language to the other. */
const languageLine = /^\[(?:English|Português do Brasil)\]\(([^)]+)\)$/m;

/** Where the translation of an English page is, whether or not there is one. */
export function translationOf(path: string): string {
  return path === 'README.md' ? 'README.pt-BR.md' : path.replace(/^docs\//, 'docs/pt-BR/');
}

/**
 * What a translated page has otherwise than the English one. Prose may differ; headings, tables, numbers, commands, names in backticks,
 * quoted messages and links may not: an engineer follows either page, and a search finds the message in both.
 */
export function differencesOf(path: string, read: ReadPage): readonly string[] {
  const english = read(path);
  const portuguese = read(translationOf(path));
  if (english === null || portuguese === null) return [`${english === null ? path : translationOf(path)} is missing`];
  return [
    ...compare('heading levels', levelsOf(english), levelsOf(portuguese)),
    ...compare('code blocks', codeOf(english), codeOf(portuguese)),
    ...compare('rows × columns of tables', tablesOf(english), tablesOf(portuguese)),
    ...sectionsOf(english).flatMap((section, index) =>
      compare(
        `numbers of section ${index}`,
        numbersOf(section).toSorted(),
        numbersOf(sectionsOf(portuguese)[index] ?? '').toSorted(),
      ),
    ),
    ...compare('names in backticks', [...namesOf(english)].toSorted(), [...namesOf(portuguese)].toSorted()),
    ...messagesOf(english)
      .filter((message) => !messagesOf(portuguese).includes(message))
      .map((message) => `the message "${message}" is not quoted`),
    ...compare(
      'links',
      linksOf(path, english, read)
        .map(({ page, heading }) => `${inPortuguese(page, read)}${heading}`)
        .toSorted(),
      linksOf(translationOf(path), portuguese, read)
        .map(({ page, heading }) => `${page}${heading}`)
        .toSorted(),
    ),
    ...compare(
      'language lines',
      [translationOf(path), path],
      [languageOf(path, english), languageOf(translationOf(path), portuguese)],
    ),
    ...pointsOf(portuguese).map((number) => `"${number}" has a decimal point`),
  ];
}

/** The first place at which two lists differ, as a sentence. */
function compare(what: string, english: readonly string[], portuguese: readonly string[]): readonly string[] {
  const length = Math.max(english.length, portuguese.length);
  for (let index = 0; index < length; index++) {
    const [one = 'nothing', other = 'nothing'] = [english[index], portuguese[index]];
    if (one !== other) return [`${what}: ${one} in English, ${other} in Portuguese`];
  }
  return [];
}

const fence = /^( *)```[\w-]*\n[\s\S]*?^\1```$/gm;

const proseOf = (page: string) => page.replaceAll(fence, '').replace(languageLine, '');

const withoutTargets = (prose: string) => prose.replaceAll(/\]\([^()\s]+\)/g, ']');

const levelsOf = (page: string) => headingsOf(page).map(({ level }) => '#'.repeat(level));

/** Commands without their comments and diagrams without their labels, which are translated; everything else byte for byte. */
const codeOf = (page: string) =>
  blocksOf(page).map((block) => {
    if (block.language === 'mermaid') return block.text.replaceAll(/"[^"\n]*"/g, '""');
    if (block.language !== 'sh') return block.text;
    // what stands in <> is for the reader to fill in
    return commandLinesOf(block)
      .join('\n')
      .replaceAll(/<[^<>\n]+>/g, '<>');
  });

function tablesOf(page: string): readonly string[] {
  return [...proseOf(page).matchAll(/(?:^ *\|.*\n?)+/gm)].map(([table]) => {
    const rows = table.trimEnd().split('\n');
    return rows.map((row) => row.split(/(?<!\\)\|/).length - 2).join(' ');
  });
}

/** The prose between one heading and the next; the first has none. */
const sectionsOf = (page: string) => withoutTargets(proseOf(page)).split(/^#{1,6} .+$/m);

const numbersOf = (prose: string) =>
  [...prose.matchAll(/\d+(?:[.,]\d+)*/g)].map(([number]) => number.replaceAll(',', '.'));

/** A name may be broken over two lines, at another place in each language. */
const namesOf = (page: string) => new Set(codeSpansOf(proseOf(page).replaceAll(/\n */g, ' ')));

/** What the first column of a page's tables quotes: italics of several words. */
const messagesOf = (page: string) =>
  [...proseOf(page).matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/(?<!\*)\*([^*]+)\*(?!\*)/g)]
      .map(([, message = '']) => message)
      .filter((message) => message.split(' ').length >= 3),
  );

/** The pages that a page leads to, and which heading of them: its number, since its words differ between the languages. */
function linksOf(path: string, text: string, read: ReadPage): readonly { page: string; heading: string }[] {
  return localLinksOf(proseOf(text)).map((target) => {
    const [file = '', anchor] = target.split('#');
    const page = file === '' ? path : normalize(join(dirname(path), file));
    if (anchor === undefined) return { page, heading: '' };
    const index = headingsOf(read(page) ?? '').findIndex((heading) => heading.anchor === anchor);
    return { page, heading: index === -1 ? `#${anchor}, which it does not have` : ` heading ${index}` };
  });
}

/** The page in the language of the translation where there is one. */
const inPortuguese = (page: string, read: ReadPage) =>
  read(translationOf(page)) === null ? page : translationOf(page);

function languageOf(path: string, text: string): string {
  const target = languageLine.exec(text)?.[1];
  return target === undefined ? 'no link' : normalize(join(dirname(path), target));
}

const unit = '(?:(?:s|ms|min|USD|[kMGT]i?B)\\b|%)';

/** Measurements and prices with a decimal point. Versions have one in both languages. */
const pointsOf = (page: string) =>
  [
    ...withoutTargets(proseOf(page))
      .replaceAll(/`[^`]+`/g, '')
      .matchAll(new RegExp(`\\d+\\.\\d+(?= *(?:– *[\\d.,]+ *)?${unit})`, 'g')),
  ].map(([number]) => number);
