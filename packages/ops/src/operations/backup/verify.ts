import { verifyReport } from '@pgha/infra/machines';
import { type Archive, checkRepository, readArchive } from '../../clients/pgbackrest.ts';
import { query } from '../../clients/psql.ts';
import { type Host, runChecked } from '../../hosts/host.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { timelinesOf } from '../restore/target.ts';
import { type ArchiveShape, parseVerification, type RepositoryVerdict } from './verification-report.ts';

/** Everything of a repository is read: hours for a terabyte. */
const verifyTimeoutMs = 24 * 3_600_000;

/** What was found out about one repository. */
export interface Verification extends RepositoryVerdict {
  repository: number;
  /** Why WAL does not arrive in it, or why it could not be read; null: it does, and it could. */
  problem: string | null;
}

/**
 * The steps that see WAL arrive in a repository and read all that it holds.
 *
 * @param primary where WAL comes from.
 * @param reader the machine that reads: one that does not lead has more to spare.
 * @param found gets what there is to say, problems too: one repository that is lost must not hide the state of the other.
 */
export function planVerification(
  { primary, reader }: { primary: Host; reader: Host },
  repository: number,
  found: (verification: Verification) => void,
  signal: AbortSignal,
): readonly Step[] {
  const problems: string[] = [];
  const collect = (error: unknown) => void problems.push((error as Error).message);
  return [
    {
      title: `Verify WAL archiving to repository ${repository}`,
      run: (report) =>
        checkRepository(primary, repository).catch((error: unknown) => {
          collect(error);
          report('WAL archiving failed');
        }),
    },
    {
      title: `Read and verify all files of repository ${repository} on ${reader.name}`,
      run: async (report) => {
        const verdict = await readEverything(reader, repository, signal).catch((error: unknown): RepositoryVerdict => {
          collect(error);
          return { segments: 0, backups: [], damages: [] };
        });
        report(`${verdict.damages.length} damaged or missing`);
        found({ repository, ...verdict, problem: problems.length === 0 ? null : problems.join('; ') });
      },
    },
  ];
}

async function readEverything(reader: Host, repository: number, signal: AbortSignal): Promise<RepositoryVerdict> {
  const archive = await readArchive(reader, repository);
  // fixed when the cluster was initialised: an older one has longer segments than a new one
  const segmentBytes = Number(await query(reader, "select setting from pg_settings where name = 'wal_segment_size'"));
  const unit = `pgha-verify@${repository}.service`;
  const isAtWork = async () =>
    ['active', 'activating'].includes(
      (await runChecked(reader, ['systemctl', 'show', '--property=ActiveState', '--value', unit])).trim(),
    );
  // one that was begun by a command that was interrupted goes on
  if (!(await isAtWork())) await runChecked(reader, ['systemctl', 'start', '--no-block', unit]);
  await waitUntil(async () => !(await isAtWork()), {
    what: `repository ${repository} to be verified`,
    timeoutMs: verifyTimeoutMs,
    everyMs: 1_000,
    signal,
  });
  const text = await reader.readFile(verifyReport(repository));
  if (text === null) throw new Error(`no verification report from ${reader.name}. Check "journalctl -u ${unit}" there`);
  return parseVerification(text, shapeOf(archive, segmentBytes));
}

const shapeOf = (archive: Archive, segmentBytes: number): ArchiveShape => ({
  timelines: timelinesOf(archive),
  neededFrom: archive.repository.backups[0]?.wal.start ?? null,
  segmentBytes,
});
