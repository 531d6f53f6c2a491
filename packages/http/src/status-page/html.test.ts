import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html } from './html.ts';

describe('html', () => {
  it('escapes values, keeps markup, joins lists and leaves null out', () => {
    const inner = html`<b>${'<&>"\''}</b>`;
    expect(html`<p title="${'"'}">${[inner, 1, null]}</p>`.text).toBe(
      '<p title="&quot;"><b>&lt;&amp;&gt;&quot;&#39;</b>1</p>',
    );
  });

  it('never lets a value end an attribute or open a tag', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const { text } = html`${value}`;
        expect(text).not.toMatch(/[<>"']/);
        expect(text).not.toMatch(/&(?!(amp|lt|gt|quot|#39);)/);
      }),
    );
  });
});
