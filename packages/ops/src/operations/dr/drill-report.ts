import type { Drill } from './drill.ts';

/** The file a drill's report is written to. */
export function drillReportName({ at }: Pick<Drill, 'at'>): string {
  return `dr-drill-${at.replaceAll(':', '').slice(0, 15)}Z.md`;
}

/** A drill as a page that can be kept: what was proved, what was measured, what was missing. */
export function renderDrillReport({ at, operator, standby, acting, passed, checks, lagBytes, result }: Drill): string {
  const rows = Object.entries(result.rows).map(([table, count]) => `| ${table} | ${count} |`);
  const times = Object.entries(result.seconds).map(([part, seconds]) => `| ${part} | ${seconds} s |`);
  return `# Drill of the second region, ${at.slice(0, 10)}

${passed ? '**Passed.**' : '**Failed.**'} ${standby} was drilled while ${acting} acted, at ${at}, by ${operator}.

${
  result.problem === null
    ? `A copy of ${result.machine} was brought to ${result.lsn}, held the same rows as the standby there, was promoted and took writes.`
    : `On ${result.machine}: ${result.problem}.`
}
The standby was ${lagBytes === null ? 'an unknown number of' : lagBytes} bytes behind when it began.

## What a failover needs

| | there | seen |
|---|---|---|
${checks.map(({ what, passed: there, seen }) => `| ${what} | ${there ? 'yes' : '**no**'} | ${seen} |`).join('\n')}

## Measured

| part | took |
|---|---|
${times.join('\n')}

The data has ${result.sizeBytes ?? 'an unknown number of'} bytes.

## Rows

| table | rows |
|---|---|
${rows.join('\n')}
`;
}
