import { query } from '../../clients/psql.ts';
import type { Host } from '../../hosts/host.ts';
import type { RestoreSource } from './target.ts';
import { parseHistory } from './timelines.ts';

const targets = "('recovery_target_lsn', 'recovery_target_name', 'recovery_target_time', 'recovery_target_xid')";

/** What a recovery leaves in the files when nobody removes it: the next one would stop there again. */
const inFiles = `select coalesce(string_agg(name || ' = ' || setting, ', '), '') from pg_file_settings where name in ${targets}`;
/** The same in the server that went through the recovery, which reads these at its start only; and that it archives nothing. */
const inForce = `select count(*) from pg_settings where name in ${targets} and setting <> '' or name = 'archive_mode' and setting = 'off'`;

/** Whether a restored server still runs with what it recovered with, without archiving, or without being readable as a standby. */
export async function needsRestart(host: Host): Promise<boolean> {
  return (await query(host, inForce)) !== '0';
}

/**
 * Looks at a restored primary: it left the wanted timeline at the first commit behind the wanted moment, it writes to an archive,
 * and nothing of the recovery is left in its settings.
 *
 * @returns what it has, in a line.
 * @throws when any of this is not so; the old data still stands aside.
 */
export async function verifyRestored(
  primary: Host,
  database: string,
  source: RestoreSource,
  timeline: number,
  isStrict: boolean,
): Promise<string> {
  const file = `pg_wal/${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
  const branch = parseHistory(
    timeline,
    new Date(0),
    await query(primary, `select pg_read_file('${file}')`),
  ).branches.at(-1);
  const target = new Date(source.target);
  // a moment is cut to milliseconds here: the first commit behind a second may be of its very first one
  if (branch?.timeline !== source.timeline || branch.leftOutAt === null || branch.leftOutAt < target) {
    const left = branch?.leftOutAt?.toISOString() ?? 'an unknown time';
    throw new Error(
      `wrong recovery target: ${primary.name} left timeline ${branch?.timeline ?? '?'} at ${left}, instead of timeline ${source.timeline} after ` +
        `${source.target}. The previous data directories are retained`,
    );
  }
  const stale = await query(primary, inFiles);
  if (stale !== '') throw new Error(`recovery settings are still in force on ${primary.name}: ${stale}`);
  // a strict cluster waits for somebody who is not there yet: what it acknowledged alone could be lost
  const waitsFor = await query(primary, 'show synchronous_standby_names');
  if (isStrict && waitsFor === '')
    throw new Error(`${primary.name} acknowledges commits without a synchronous standby`);
  const archiveMode = await query(primary, 'show archive_mode');
  if (archiveMode !== 'on') throw new Error(`${primary.name} has archive_mode ${archiveMode}`);
  const beat = Number(await query(primary, 'select extract(epoch from max(beaten_at)) from heartbeat.beat', database));
  return `timeline ${timeline}; first discarded commit: ${branch.leftOutAt.toISOString()}; latest commit: ${new Date(beat * 1_000).toISOString()}`;
}
