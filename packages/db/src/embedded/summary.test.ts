import { describe, expect, it } from 'vitest';

import { renderSummary } from './summary.ts';

const running = {
  writeUrl: 'http://127.0.0.1:8000',
  readUrl: 'http://127.0.0.1:8001',
  statusUrl: 'http://127.0.0.1:54328',
  primaryPort: 54320,
  replicaPort: 54321,
  database: 'pgha',
  owner: 'pgha_owner',
  readonly: 'readonly_a',
  passwordFile: '.pgha/pgpass',
  dir: '.pgha',
  primaryPidFile: '.pgha/data/pg1/postmaster.pid',
  needsKey: false,
  elapsedMs: 3141,
};

describe('summary', () => {
  it('shows every URL and what to try', () => {
    expect(renderSummary(running)).toMatchInlineSnapshot(`
      "
        write API         http://127.0.0.1:8000                          GET POST PUT PATCH DELETE /items, through the primary
          documentation   http://127.0.0.1:8000/docs                     interactive API documentation (Swagger UI)
          status page     http://127.0.0.1:8000/                         members, lag and requests, live (in a browser)
        read API          http://127.0.0.1:8001                          GET /items, from the replica
          documentation   http://127.0.0.1:8001/docs
          status page     http://127.0.0.1:8001/
        primary           postgresql://pgha_owner@127.0.0.1:54320/pgha   connects to the current primary
        replica           postgresql://readonly_a@127.0.0.1:54321/pgha   read-only
        cluster           http://127.0.0.1:54328/cluster                 members and lag, in Patroni's format

      try this
        curl -i http://127.0.0.1:8000/items -H 'Content-Type: application/json' -H 'Idempotency-Key: first' -d '{"name":"first","price":9.5}'
        curl -i http://127.0.0.1:8001/items -H 'Min-LSN: 0/0'      # replace 0/0 with the Commit-LSN of the response above: read your own write
        kill -9 $(head -1 .pgha/data/pg1/postmaster.pid)      # kill the primary, then write again: the replica has been promoted

      psql: PGPASSFILE=.pgha/pgpass psql postgresql://pgha_owner@127.0.0.1:54320/pgha
      logs: .pgha/logs    data: .pgha/data    ready in 3.1 s; Ctrl-C stops everything
      "
    `);
  });

  it('sends the key along when writes need one', () => {
    expect(renderSummary({ ...running, needsKey: true })).toContain('-H "Authorization: Bearer $API_KEY"');
    expect(renderSummary(running)).not.toContain('Authorization');
  });
});
