/** A line of the result. Rates are requests per second. */
export interface Row {
  name: string;
  requestsPerSecond: number;
  lowest: number;
  highest: number;
  p50Ms: number;
  p99Ms: number;
  /** Statements per second of the database alone. */
  databaseLimit: number;
  errors: number;
}

const columns: [string, (row: Row) => string][] = [
  ['', (row) => row.name],
  ['requests/s', (row) => whole(row.requestsPerSecond)],
  ['lowest – highest', (row) => `${whole(row.lowest)} – ${whole(row.highest)}`],
  ['p50 ms', (row) => row.p50Ms.toFixed(2)],
  ['p99 ms', (row) => row.p99Ms.toFixed(2)],
  ['database alone', (row) => whole(row.databaseLimit)],
  ['ratio', (row) => (row.requestsPerSecond / row.databaseLimit).toFixed(2)],
  ['errors', (row) => String(row.errors)],
];

/** A Markdown table: it reads well in a terminal and in the documents. */
export function renderTable(rows: Row[]): string {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, render]) => render(row)))];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const render = (line: string[]) =>
    `| ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  const [head = [], ...body] = cells;
  return [render(head), rule, ...body.map(render)].join('\n');
}

export function median(values: number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
}
