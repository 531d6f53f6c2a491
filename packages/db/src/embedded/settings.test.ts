import { describe, expect, it } from 'vitest';

import { renderHba, renderPostgresConf } from './settings.ts';

const upstream = { port: 54323, user: 'pgha_replication', password: 'secret', name: 'pg1' };

describe('postgresql.conf', () => {
  it('makes commits wait for the named member, and for nobody without one', () => {
    const conf = (waitsFor: string | null) => renderPostgresConf({ port: 1, waitsFor, upstream: null });
    expect(conf('pg2')).toContain(`synchronous_standby_names = 'FIRST 1 ("pg2")'\n`);
    expect(conf(null)).toContain(`synchronous_standby_names = ''\n`);
  });

  it('follows the upstream through the slot of its own name', () => {
    const conf = renderPostgresConf({ port: 1, waitsFor: null, upstream });
    expect(conf).toMatch(/primary_conninfo = '.*port=54323 .*application_name=pg1 /);
    expect(conf).toContain(`primary_slot_name = 'pg1'\n`);
  });

  it('never weakens durability', () => {
    expect(renderPostgresConf({ port: 1, waitsFor: 'pg2', upstream })).not.toMatch(
      /fsync|full_page_writes|synchronous_commit = '(?!on')|ignore_/,
    );
  });
});

describe('pg_hba.conf', () => {
  it('lets in nobody without a password and nobody from elsewhere', () => {
    for (const line of renderHba().trim().split('\n'))
      expect(line).toMatch(/^host \w+ all 127\.0\.0\.1\/32 scram-sha-256$/);
  });
});
