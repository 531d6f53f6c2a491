import { Problem } from '../problems.ts';

export interface EntityTag {
  weak: boolean;
  /** With its quotes. */
  tag: string;
}

/** RFC 9110, 8.8.3 and 5.6.1.2: an entity tag, or nothing, up to the next comma. */
const element = /[ \t]*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*"))?[ \t]*(?:,|$)/y;

/** The entity tags of an `If-Match` or `If-None-Match`, or `*`. Throws a problem for anything else. */
export function parseEntityTags(name: 'If-Match' | 'If-None-Match', text: string): '*' | EntityTag[] {
  if (text.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  element.lastIndex = 0;
  while (element.lastIndex < text.length) {
    const match = element.exec(text);
    if (!match) throw malformed(name);
    if (match[2] !== undefined) tags.push({ weak: match[1] !== undefined, tag: match[2] });
  }
  if (tags.length === 0) throw malformed(name);
  return tags;
}

function malformed(name: string): Problem {
  return new Problem(
    'bad-request',
    `${name} is neither * nor a list of entity tags such as "2026-01-15T14:30:00.000000Z".`,
  );
}
