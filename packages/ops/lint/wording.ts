/** A phrase of the list in a text that users read. */
export interface Hit {
  file: string;
  /** 1 for the first line. */
  line: number;
  found: string;
  /** What to write instead. */
  use: string;
}

/** What the list has: patterns of JavaScript's regular expressions, matched as whole words in any case. */
export interface WordList {
  phrases: readonly { pattern: string; use: string }[];
  /** Where a phrase is right: in files whose path begins so, in lines that contain the text. */
  exceptions: readonly { file: string; text: string; why: string }[];
}

/** A piece of text and the line it begins in. */
export interface Piece {
  line: number;
  text: string;
}

/** The phrases in a file's pieces that no exception allows. */
export function findPhrases(list: WordList, file: string, pieces: readonly Piece[]): readonly Hit[] {
  const patterns = list.phrases.map(({ pattern, use }) => ({ use, regex: new RegExp(`\\b(?:${pattern})\\b`, 'gi') }));
  const allowed = list.exceptions.filter((each) => file.startsWith(each.file)).map(({ text }) => text);
  return pieces.flatMap(({ line, text }) =>
    text
      .split('\n')
      .flatMap((row, index) =>
        allowed.some((each) => row.includes(each))
          ? []
          : patterns.flatMap(({ regex, use }) =>
              [...row.matchAll(regex)].map(([found]) => ({ file, line: line + index, found, use })),
            ),
      ),
  );
}

/** Exceptions that allow nothing any more: they would hide the next such phrase. */
export function findUnused(list: WordList, texts: ReadonlyMap<string, readonly Piece[]>): readonly string[] {
  const without: WordList = { ...list, exceptions: [] };
  return list.exceptions.flatMap(({ file, text }) => {
    const isUsed = [...texts].some(
      ([name, pieces]) =>
        name.startsWith(file) &&
        findPhrases(
          without,
          name,
          pieces
            .flatMap((piece) => piece.text.split('\n').map((row) => ({ line: 1, text: row })))
            .filter((piece) => piece.text.includes(text)),
        ).length > 0,
    );
    return isUsed ? [] : [`${file}: "${text}"`];
  });
}
