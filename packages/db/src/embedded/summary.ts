export interface Running {
  writeUrl: string;
  readUrl: string;
  statusUrl: string;
  primaryPort: number;
  replicaPort: number;
  database: string;
  owner: string;
  readonly: string;
  /** Paths as they can be typed where the user is. */
  passwordFile: string;
  dir: string;
  primaryPidFile: string;
  needsKey: boolean;
  elapsedMs: number;
}

/** Renders the one table that is shown when everything runs. */
export function renderSummary(running: Running): string {
  const { writeUrl, readUrl, statusUrl, database, primaryPort, replicaPort, owner, readonly, dir } = running;
  const rows = [
    ['write API', writeUrl, 'GET POST PUT PATCH DELETE /items, through the primary'],
    ['  documentation', `${writeUrl}/docs`, 'interactive API documentation (Swagger UI)'],
    ['  status page', `${writeUrl}/`, 'members, lag and requests, live (in a browser)'],
    ['read API', readUrl, 'GET /items, from the replica'],
    ['  documentation', `${readUrl}/docs`, ''],
    ['  status page', `${readUrl}/`, ''],
    ['primary', `postgresql://${owner}@127.0.0.1:${primaryPort}/${database}`, 'connects to the current primary'],
    ['replica', `postgresql://${readonly}@127.0.0.1:${replicaPort}/${database}`, 'read-only'],
    ['cluster', `${statusUrl}/cluster`, "members and lag, in Patroni's format"],
  ];
  const key = running.needsKey ? ` -H "Authorization: Bearer $API_KEY"` : '';
  return `
${table(rows)}

try this
  curl -i ${writeUrl}/items${key} -H 'Content-Type: application/json' -H 'Idempotency-Key: first' -d '{"name":"first","price":9.5}'
  curl -i ${readUrl}/items -H 'Min-LSN: 0/0'      # replace 0/0 with the Commit-LSN of the response above: read your own write
  kill -9 $(head -1 ${running.primaryPidFile})      # kill the primary, then write again: the replica has been promoted

psql: PGPASSFILE=${running.passwordFile} psql ${rows[6]?.[1] ?? ''}
logs: ${dir}/logs    data: ${dir}/data    ready in ${(running.elapsedMs / 1000).toFixed(1)} s; Ctrl-C stops everything
`;
}

function table(rows: string[][]): string {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [name, url] = [width(0), width(1)];
  return rows
    .map(([what = '', where = '', why = '']) => `  ${what.padEnd(name)}   ${where.padEnd(url)}   ${why}`.trimEnd())
    .join('\n');
}
