/** A fenced block of a page. */
export interface Block {
  /** What stands behind the backticks: `sh`, `mermaid`, or nothing. */
  language: string;
  /** Its text, without the indentation that a list gives it. */
  text: string;
  /** Where it begins, from 1, for messages. */
  line: number;
}

/** The fenced blocks of a page, those in lists too. */
export function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(/^( *)```([\w-]*)\n([\s\S]*?)^\1```$/gm)].map(
    ([, indent = '', language = '', body = ''], index, all) => ({
      language,
      text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      line: page.slice(0, all[index]?.index).split('\n').length,
    }),
  );
}

/** The command lines of a block of `sh`: no empty lines, no lines of comment, no comment behind a command. */
export function commandLinesOf({ text }: Block): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
}

/** What stands between backticks outside the blocks. */
export function codeSpansOf(page: string): readonly string[] {
  return [...withoutBlocks(page).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
}

/** A heading, as the page has it, and the anchor that GitHub gives it. */
export interface Heading {
  level: number;
  text: string;
  anchor: string;
}

/** The headings of a page in order; a repeated one gets a numbered anchor. */
export function headingsOf(page: string): readonly Heading[] {
  const seen = new Map<string, number>();
  return [...withoutBlocks(page).matchAll(/^(#{1,6}) +(.+)$/gm)].map(([, marks = '', text = '']) => {
    const slug = text
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    return { level: marks.length, text, anchor: before === 0 ? slug : `${slug}-${before}` };
  });
}

/** The targets of a page's links, without those to other sites. */
export function localLinksOf(page: string): readonly string[] {
  return [...withoutBlocks(page).matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

const withoutBlocks = (page: string) => page.replaceAll(/^( *)```[\w-]*\n[\s\S]*?^\1```$/gm, '');
