import { describe, expect, it } from 'vitest';
import list from './phrases.json' with { type: 'json' };
import { piecesOf } from './pieces.ts';
import { findPhrases, findUnused, type WordList } from './wording.ts';

const own: WordList = { phrases: [{ pattern: 'anew|built again', use: 'rebuilt' }], exceptions: [] };

describe('the check of the wording', () => {
  it('finds a phrase in strings and templates of a program, not in its comments and names', () => {
    const source = [
      '// it is built anew',
      "const anew = 'anew';",
      'const said = `$\u007banew} is',
      '  built anew`;',
      "const why = 'Built Again here';",
    ].join('\n');
    expect(findPhrases(own, 'a.ts', piecesOf('a.ts', source))).toEqual([
      { file: 'a.ts', line: 4, found: 'anew', use: 'rebuilt' },
      { file: 'a.ts', line: 5, found: 'Built Again', use: 'rebuilt' },
    ]);
  });

  it('finds whole words only', () => {
    expect(findPhrases(own, 'a.md', piecesOf('a.md', 'renewed, anewly'))).toEqual([]);
  });

  it('reads what a program of the machines prints', () => {
    const source = '# built anew\nprint("it is built anew")\n';
    expect(findPhrases(own, 'a.py', piecesOf('a.py', source))).toHaveLength(1);
  });

  it('leaves out what an exception allows, and names an exception that nothing needs', () => {
    const allowing = (text: string): WordList => ({ ...own, exceptions: [{ file: 'docs/', text, why: 'a name' }] });
    const pieces = piecesOf('docs/a.md', 'the option `--anew`\n');
    expect(findPhrases(allowing('--anew'), 'docs/a.md', pieces)).toEqual([]);
    expect(findPhrases(allowing('--anew'), 'README.md', pieces)).toHaveLength(1);
    expect(findUnused(allowing('--anew'), new Map([['docs/a.md', pieces]]))).toEqual([]);
    expect(findUnused(allowing('--other'), new Map([['docs/a.md', pieces]]))).toEqual(['docs/: "--other"']);
  });

  it('has a list of patterns that compile, each with what to write instead', () => {
    for (const { pattern, use } of list.phrases) {
      expect(() => new RegExp(pattern)).not.toThrow();
      expect(use).not.toBe('');
    }
  });
});
