import type { RestoreTestResult } from '../clients/restore-test.ts';
import type { RepositoryListing } from '../operations/backup/listing.ts';
import type { Verification } from '../operations/backup/verify.ts';
import { table } from './command.ts';
import { age, bytes } from './units.ts';

/** The repositories as a person reads them. */
export function renderListing(repositories: readonly RepositoryListing[]): string {
  return repositories
    .map(({ repository, region, backups, problem, window, archivedUpTo }) => {
      if (backups === null) return `repository ${repository} (${region}) is unreachable: ${problem}\n`;
      const list = table(
        ['BACKUP', 'TYPE', 'AGE', 'SIZE', 'STORED', 'WAL', ''],
        backups.map((backup) => [
          backup.label,
          backup.type,
          age(backup.ageSeconds),
          bytes(backup.sizeBytes),
          bytes(backup.repositoryBytes),
          `${backup.wal.start} - ${backup.wal.stop}`,
          backup.hasDamagedPages ? 'checksum failures' : '',
        ]),
      );
      const any = window === null ? 'no recovery window' : `recovery window ${window.from} to ${window.to}`;
      return `repository ${repository} (${region}): ${any}; last archived WAL ${archivedUpTo ?? '-'}\n${list}`;
    })
    .join('\n');
}

/** What reading a repository showed, damage last. */
export function renderVerification({ repository, segments, backups, damages, problem }: Verification): string {
  const lines = [
    ...(problem === null ? [] : [`  ! ${problem}`]),
    ...damages.map((damage) => `  ! ${damage.object}: ${damage.problem}`),
  ];
  const verdict = lines.length === 0 ? 'OK' : 'FAILED';
  return `repository ${repository}: ${verdict}; ${backups.length} backups, ${segments} WAL segments read\n${lines.map((line) => `${line}\n`).join('')}`;
}

/** How a restore test ended, and how long its parts took. */
export function renderTest(result: RestoreTestResult): string {
  const { repository, machine, backup, ok, problem, tables = 0, rows = 0, lsn, lsnDistanceBytes = 0, seconds } = result;
  const head = `restore test of repository ${repository} on ${machine}: ${ok ? 'passed' : 'FAILED'}`;
  const parts =
    seconds === undefined
      ? []
      : [
          `  ${tables} tables with ${rows} rows at ${lsn}, ${bytes(lsnDistanceBytes)} of WAL after ${backup}`,
          `  restore ${took(seconds.restore)}, replay ${took(seconds.replay)}, compare ${took(seconds.compare)}, total ${took(seconds.total)}`,
        ];
  const differences = result.differences.map(
    ({ table: name, live, restored }) =>
      `  ! ${name}: ${live === null ? 'missing' : `${live.rows} rows`}, restored ${restored === null ? 'missing' : `${restored.rows} rows`}`,
  );
  const reasons = [...new Set(result.notCompared?.map(({ reason }) => reason))];
  const leftOut = reasons.map((reason) => {
    const names = result.notCompared?.filter((each) => each.reason === reason).map((each) => each.table);
    return `  not compared (${reason}): ${names?.join(', ')}`;
  });
  return [head, ...(problem === null ? [] : [`  ! ${problem}`]), ...parts, ...differences, ...leftOut]
    .map((line) => `${line}\n`)
    .join('');
}

const took = (seconds: number) => `${seconds.toFixed(1)} s`;
