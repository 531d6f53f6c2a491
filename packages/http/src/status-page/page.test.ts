import { describe, expect, it } from 'vitest';
import { createHistory } from './history.ts';
import { renderFragment, renderPage, renderParts } from './page.ts';
import type { Snapshot } from './sampler.ts';

const frame = {
  requests: 'writes',
  version: '1.2.3',
  style: 'p > a { color: red }',
  script: 'if (1 < 2) run();',
} as const;
const nonces = { script: 'n1', style: 'n2' };
const hostile = `<img src=x onerror=alert(1)>"'`;

function snapshot(over: Partial<Snapshot> = {}): Snapshot {
  const at = Date.UTC(2026, 10, 22, 14, 3, 22);
  return {
    at,
    since: at - 60_000,
    clusterIsConfigured: true,
    cluster: { value: null, at: null, isStale: false },
    stats: { value: null, at: null, isStale: false },
    backups: { value: null, at: null, isStale: false },
    history: createHistory(300),
    events: [],
    hold: null,
    held: 0,
    failedInHold: 0,
    ...over,
  };
}

describe('the page', () => {
  it('is whole before anything has been read', () => {
    const page = renderPage(frame, renderParts(snapshot(), 'writes'), nonces);
    expect(page).toContain('<title>Starting · pgha write API</title>');
    expect(page).toContain('14:03:22</time> UTC');
    expect(page.match(/<svg class="plot"/g)).toHaveLength(4);
  });

  it('carries its style and script under their nonces, and asks to be reloaded only without a script', () => {
    const page = renderPage(frame, renderParts(snapshot(), 'writes'), nonces);
    expect(page).toContain('<style nonce="n2">p > a { color: red }</style>');
    expect(page).toContain('<script nonce="n1" type="module">if (1 < 2) run();</script>');
    expect(page).toMatch(/<noscript><meta http-equiv="refresh" content="5"><\/noscript>/);
    expect(page).not.toMatch(/ style="/);
    expect(page).not.toMatch(/ on[a-z]+="/);
  });

  it('shows what others name as text', () => {
    const members = [{ name: hostile, role: hostile, state: hostile, timeline: 1, lag: null }];
    const value = { scope: hostile, members, leader: null, synchronous: false, timestamp: '' };
    const event = { at: 0, kind: 'leader-changed', from: hostile, to: hostile, withoutMs: null } as const;
    const backup = {
      label: hostile,
      type: hostile,
      start_time: '2026-11-22T00:00:00.000Z',
      stop_time: '2026-11-22T01:00:00.000Z',
      size_bytes: 1,
      database_size_bytes: 1,
    };
    const parts = renderParts(
      snapshot({
        cluster: { value, at: 0, isStale: false },
        events: [event],
        backups: {
          at: 0,
          isStale: false,
          value: {
            stanza: hostile,
            status: 'ok',
            status_message: hostile,
            backups: [backup],
            wal_archive: { min_wal: hostile, max_wal: hostile },
            last_full_backup: null,
            last_diff_backup: null,
            timestamp: '',
          },
        },
      }),
      'writes',
    );
    for (const text of [renderPage(frame, parts, nonces), renderFragment(parts)]) {
      expect(text).not.toContain('<img');
      expect(text.split('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;').length).toBeGreaterThan(6);
    }
  });

  it('has every part of the fragment, under the same id', () => {
    const parts = renderParts(snapshot(), 'reads');
    const page = renderPage(frame, parts, nonces);
    const ids = [...renderFragment(parts).matchAll(/^<div id="([a-z]+)">/gm)].map(([, id]) => id);
    expect(ids.toSorted()).toEqual(Object.keys(parts.parts).toSorted());
    for (const id of ids) expect(page).toMatch(new RegExp(`<[^>]* id="${id}"`));
  });
});
