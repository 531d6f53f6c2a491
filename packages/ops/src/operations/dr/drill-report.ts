import type { Drill } from './drill.ts';

/** The file a drill's report is written to. */
export function drillReportName({ at }: Pick<Drill, 'at'>): string {
  return `dr-drill-${at.replaceAll(':', '').slice(0, 15)}Z.md`;
}

/** A drill as a page that can be kept: what was proved, what was measured, what was missing. */
export function renderDrillReport({ at, operator, standby, acting, passed, checks, lagBytes, result }: Drill): string {
  const rows = Object.entries(result.rows).map(([table, count]) => `| ${table} | ${count} |`);
  const times = Object.entries(result.seconds).map(([part, seconds]) => `| ${part} | ${seconds} s |`);
  return `# DR drill, ${at.slice(0, 10)}

${passed ? '**Passed.**' : '**Failed.**'} ${standby} (standby) was tested while ${acting} was the active region, at ${at}, by ${operator}.

${
  result.problem === null
    ? `A copy of ${result.machine} was recovered to ${result.lsn}, had the same rows as the standby at that LSN, was promoted and accepted writes.`
    : `On ${result.machine}: ${result.problem}.`
}
Replication lag when the drill started: ${lagBytes === null ? 'unknown' : `${lagBytes} bytes`}.

## Prerequisites of a failover

| check | passed | result |
|---|---|---|
${checks.map(({ what, passed: there, seen }) => `| ${what} | ${there ? 'yes' : '**no**'} | ${seen} |`).join('\n')}

## Duration

| step | duration |
|---|---|
${times.join('\n')}

Size of the data: ${result.sizeBytes === undefined ? 'unknown' : `${result.sizeBytes} bytes`}.

## Rows

| table | rows |
|---|---|
${rows.join('\n')}
`;
}
