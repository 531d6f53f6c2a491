import type { Backup } from '../../src/clients/pgbackrest.ts';
import type { RestoreTestResult } from '../../src/clients/restore-test.ts';
import type { CopiedTable } from '../../src/clients/scratch.ts';
import type { InPlaceEnd } from '../../src/commands/restore-in-place.ts';
import type { Restored } from '../../src/commands/restored.ts';
import type { Changed } from '../../src/commands/secrets.ts';
import type { ArchiveStatus } from '../../src/operations/archive/status.ts';
import type { RepositoryListing } from '../../src/operations/backup/listing.ts';
import type { Verification } from '../../src/operations/backup/verify.ts';
import type { PlacedScratch } from '../../src/operations/restore/scratch.ts';
import type { ListedCertificate } from '../../src/operations/secrets/certificate-list.ts';
import type { ListedSecret } from '../../src/operations/secrets/listing.ts';
import type { InitReport } from '../../src/secrets/index.ts';
import { type Answer, answerOf, type Shape } from './shape.ts';

const scratch: Shape<PlacedScratch> = {
  name: 'text',
  machine: 'text',
  phase: 'restoring | recovering | ready | failed | stopped',
  problem: 'text | null',
  percent: 'number | null',
  replayedUpTo: 'WAL segment | null',
  lastCommitAt: 'text as PostgreSQL logs it | null',
  sizeBytes: 'number',
  createdAt: 'time',
  connection: 'what psql takes on its machine',
  spec: { repository: 'number', backup: 'text', type: 'time', target: 'text', timeline: 'number' },
};

const changedSecrets = answerOf<Changed>('The changed secrets, and notes for the operator.', {
  changed: ['text'],
  notes: ['text'],
});

/** What the commands about backups, restores, secrets and the archive print. */
export const dataAnswers: Readonly<Record<string, Answer>> = {
  'backup create': answerOf<readonly { repository: number; backup: Backup }[]>('What was taken.', [
    {
      repository: 'number',
      backup: {
        label: 'text',
        type: 'full | diff | incr',
        startedAt: 'time',
        stoppedAt: 'time',
        wal: { start: 'WAL segment', stop: 'WAL segment' },
        lsn: { start: 'text', stop: 'text' },
        sizeBytes: 'number',
        repositoryDeltaBytes: 'number',
        hasError: 'boolean: a page did not match its checksum',
      },
    },
  ]),
  'backup list': answerOf<readonly RepositoryListing[]>('Every repository.', [
    {
      repository: 'number',
      region: 'AWS region',
      backups: [
        {
          label: 'text',
          type: 'full | diff | incr',
          stoppedAt: 'time',
          ageSeconds: 'number',
          sizeBytes: 'number',
          repositoryBytes: 'number',
          wal: { start: 'WAL segment', stop: 'WAL segment' },
          hasDamagedPages: 'boolean',
        },
      ],
      problem: 'text, and then backups is null | null',
      window: { from: 'time', to: 'time; window is null where nothing can be restored' },
      archivedUpTo: 'WAL segment | null',
    },
  ]),
  'backup verify': answerOf<{ repositories: readonly Verification[]; restoreTests: readonly RestoreTestResult[] }>(
    'What reading the repositories showed, and with `--restore` what restoring did.',
    {
      repositories: [
        {
          repository: 'number',
          problem: 'text | null',
          segments: 'number',
          backups: ['text'],
          damages: [{ object: 'text', problem: 'text' }],
        },
      ],
      restoreTests: [
        {
          machine: 'text',
          repository: 'number',
          backup: 'text',
          startedAt: 'seconds since 1970',
          endedAt: 'seconds since 1970',
          ok: 'boolean',
          problem: 'text | null',
          lsn: 'text, where it came so far',
          lsnDistanceBytes: 'number, where it came so far',
          restoredBytes: 'number, where it came so far',
          tables: 'number, where it came so far',
          rows: 'number, where it came so far',
          differences: [
            {
              table: 'text',
              live: { rows: 'number', sum: 'text; live is null where there is no such table' },
              restored: { rows: 'number', sum: 'text; restored is null where there is no such table' },
            },
          ],
          notCompared: [{ table: 'text, or the name of another database', reason: 'text' }],
          seconds: { restore: 'number', replay: 'number', countLive: 'number', compare: 'number', total: 'number' },
        },
      ],
    },
  ),
  restore: answerOf<PlacedScratch | InPlaceEnd>(
    'Into a scratch server, an element of `scratches` of `pgha restore list`. In place:',
    {
      target: 'text',
      repository: 'number',
      backup: 'text',
      timeline: 'number',
      primary: 'text',
      kept: 'name of the retained data directories',
      withoutBackup: ['number of a repository'],
      standbyFollows: 'boolean',
    } satisfies Shape<InPlaceEnd>,
  ),
  'restore list': answerOf<Restored>(
    'Scratch servers, and the data directories retained by in-place restores and when a former active region rejoined.',
    {
      scratches: [scratch],
      kept: [{ id: 'text', of: 'region | restore', machine: 'text', sizeBytes: 'number', createdAt: 'time' }],
    },
  ),
  'restore copy': answerOf<CopiedTable>('What was copied.', {
    table: 'text',
    rows: 'number, of the table with everything below it',
    tables: [{ table: 'text', rows: 'number' }],
    notes: ['text, what did not come with it'],
  }),
  'restore drop': answerOf<{ name: string; freedBytes: number }>('What was removed.', {
    name: 'text',
    freedBytes: 'number',
  }),
  'secrets init': answerOf<InitReport>('Names; with `--dry-run` those that would be created.', {
    created: ['parameter'],
    kept: ['parameter'],
  }),
  'secrets list': answerOf<readonly ListedSecret[]>('Every secret, without its value.', [
    {
      name: 'text',
      use: 'text',
      parameters: ['parameter'],
      machines: ['text'],
      changedAt: 'time | null',
      ageDays: 'number | null',
      isDue: 'boolean',
      isOldValid: 'boolean: what was in use before is still valid',
      isMirrored: 'boolean: every region has the same',
    },
  ]),
  'secrets show': answerOf<{ name: string; value: string }>('One value.', { name: 'text', value: 'text' }),
  'secrets rotate': changedSecrets,
  'secrets retire': changedSecrets,
  'secrets mirror': changedSecrets,
  'certs list': answerOf<readonly ListedCertificate[]>('Every certificate, everywhere it is.', [
    { machine: 'text, or ca', where: 'store | path | port N', notAfter: 'time | null', state: 'current | text' },
  ]),
  'certs renew': answerOf<readonly string[]>('The machines whose certificates were renewed.', ['text']),
  'archive status': answerOf<ArchiveStatus>('Every repository.', {
    waiting: 'number of segments | null',
    repositories: [
      {
        repository: 'number',
        region: 'AWS region',
        state: 'attached | detached | returning',
        since: 'time | null',
        lastFullAt: 'time | null',
        archivedUpTo: 'WAL segment | null',
        gaps: [{ from: 'time', to: 'time | null' }],
        problem: 'text | null',
      },
    ],
  }),
  'archive detach': answerOf<{ detached: number; notes: readonly string[] }>('The repository.', {
    detached: 'number',
    notes: ['text'],
  }),
  'archive attach': answerOf<{ attached: number; notes: readonly string[] }>('The repository.', {
    attached: 'number',
    notes: ['text'],
  }),
};
