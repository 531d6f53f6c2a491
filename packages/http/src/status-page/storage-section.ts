import type { BackupsView } from '../backups.ts';
import { capital } from './event-text.ts';
import { formatBytes, formatClock, formatCount, formatDate, formatDuration } from './figures.ts';
import { type Html, html } from './html.ts';
import type { Snapshot } from './sampler.ts';
import { toneSymbol } from './symbols.ts';

const shownBackups = 5;

/** The state of the backups and the newest of them. */
export function renderBackups({ backups, at }: Pick<Snapshot, 'backups' | 'at'>): Html {
  const { value } = backups;
  if (value === null) return html`<h2>Backups</h2><p>Not read yet.</p>`;
  const newest = value.backups.toSorted((a, b) => Date.parse(b.stop_time) - Date.parse(a.stop_time));
  const [last] = newest;
  const summary =
    value.status === 'not_installed'
      ? html`${value.status_message}`
      : html`${toneSymbol(value.status === 'ok' ? 'good' : 'trouble')} ${statusNames[value.status]}${
          last === undefined ? `: ${value.status_message}` : `; last backup finished ${age(last.stop_time, at)} ago`
        }.`;
  const wal =
    value.wal_archive.max_wal === null ? null : html` Last archived WAL: <code>${value.wal_archive.max_wal}</code>.`;
  if (last === undefined) return html`<h2>Backups</h2><p>${summary}${wal}</p>`;
  return html`<table>
<caption><h2>Backups</h2><p>${summary}${wal}</p></caption>
<thead><tr><th scope="col">Finished (UTC)</th><th scope="col">Type</th><th scope="col" class="number">Age</th><th scope="col" class="number">Size</th></tr></thead>
<tbody>${newest.slice(0, shownBackups).map((backup) => renderBackup(backup, at))}</tbody></table>`;
}

function renderBackup({ label, type, stop_time, size_bytes }: BackupsView['backups'][number], at: number): Html {
  const stopped = Date.parse(stop_time);
  return html`<tr><th scope="row"><time datetime="${stop_time}" title="${label}"><span class="whole">${formatDate(stopped)}</span> ${formatClock(stopped).slice(0, 5)}</time></th>
<td>${typeNames[type] ?? type}</td><td class="number">${age(stop_time, at)}</td><td class="number">${formatBytes(size_bytes)}</td></tr>
`;
}

const typeNames: Record<string, string> = { full: 'Full', diff: 'Differential', incr: 'Incremental' };
const statusNames: Record<BackupsView['status'], string> = {
  ok: 'OK',
  missing_stanza: 'No stanza in the repository',
  no_backup: 'No backup yet',
  error: 'Repository error',
  unavailable: 'Backup report unavailable',
  timeout: 'Repository timed out',
  not_installed: 'Not configured',
};

/** Statistics of the database. */
export function renderDatabase({ stats }: Pick<Snapshot, 'stats'>): Html {
  const { value, at, isStale } = stats;
  if (value === null) return html`<h2>Database</h2><p>${isStale ? 'Not responding.' : 'Not read yet.'}</p>`;
  const pairs: [string, string][] = [
    ['Role', value.is_in_recovery ? 'Replica' : 'Primary'],
    ['Size', formatBytes(value.database_size_bytes)],
    ['Connections', `${formatCount(value.active_connections)} of ${formatCount(value.max_connections)}`],
    ['Cache hit ratio', `${(value.cache_hit_ratio * 100).toFixed(1)} %`],
    ['Commits', formatCount(value.transactions_committed)],
    ['Rollbacks', formatCount(value.transactions_rolled_back)],
  ];
  const asOf = `as of ${formatClock(at ?? 0)} UTC`;
  return html`<h2>Database</h2><p>${isStale ? `Not responding; ${asOf}` : capital(asOf)}</p>
<dl>${pairs.map(
    ([name, figure]) => html`<div><dt>${name}</dt><dd>${figure}</dd></div>
`,
  )}</dl>`;
}

function age(time: string, now: number): string {
  return formatDuration(Math.max(0, now - Date.parse(time)) / 1000);
}
