import { membersOf } from '@pgha/infra/cluster';
import { detachedRepositoriesParameter } from '@pgha/infra/machines';
import { asPostgres, readRepository } from '../../clients/pgbackrest.ts';
import { RefusedError } from '../../exit-codes.ts';
import { runChecked } from '../../hosts/host.ts';
import type { Step } from '../../step.ts';
import { fetchStep, findPrimary } from '../secrets/machines.ts';
import type { SecretsSetting } from '../secrets/setting.ts';
import { replaceStep } from '../secrets/stored.ts';
import { newFullBackup, provideFullBackup } from './full-backup.ts';
import {
  formatArchiveGaps,
  openGap,
  parseArchiveGaps,
  readArchiveGaps,
  regionOfRepository,
  withClosed,
  withReturning,
} from './record.ts';

/**
 * The full backups that were in the repository before it came back: the one that closes the gap is another one.
 *
 * @returns their labels.
 * @throws RefusedError when the repository is not detached; UsageError when there is none of that number.
 */
export async function observeAttach(setting: SecretsSetting, repository: number): Promise<readonly string[]> {
  regionOfRepository(setting.cluster, repository);
  const gap = openGap(await readArchiveGaps(setting.store, setting.cluster), repository);
  if (gap === null) throw new RefusedError(`repository ${repository} is already attached`);
  const { node } = await findPrimary(setting);
  const { backups } = await readRepository(setting.host(node), setting.cluster.scope, repository);
  return backups.filter(({ type }) => type === 'full').map(({ label }) => label);
}

/**
 * The steps that bring a repository back: the archive goes on into it, and a new full backup makes it whole from then on. Until
 * that is complete it can restore nothing of what was written since it was detached.
 *
 * @param known the labels that `observeAttach` saw.
 */
export function planAttach(setting: SecretsSetting, repository: number, known: readonly string[]): readonly Step[] {
  const { cluster, store } = setting;
  const name = detachedRepositoriesParameter(cluster);
  const readers = setting.readersOf([name]);
  const isOpenIn = (text: string) => openGap(parseArchiveGaps(text), repository);
  const onPrimary = async () => setting.host((await findPrimary(setting)).node);
  const isToCome = async () => openGap(await readArchiveGaps(store, cluster), repository) !== null;
  return [
    replaceStep(setting, 'Record the reattachment in both regions', {
      name,
      isNew: ({ value }) => isOpenIn(value)?.state !== 'detached',
      make: ({ value }) => formatArchiveGaps(withReturning(parseArchiveGaps(value), repository)),
    }),
    fetchStep(setting, 'Resume archiving to the repository on all members', setting.regions.flatMap(membersOf)),
    {
      title: `Take a full backup to repository ${repository}`,
      isDone: async () => (await newFullBackup(await onPrimary(), cluster.scope, repository, known)) !== null,
      run: async (report) => {
        await provideFullBackup(await onPrimary(), cluster.scope, repository, known, report);
      },
    },
    {
      title: 'Verify WAL archiving to both repositories',
      isNeeded: isToCome,
      run: async () => {
        const check = asPostgres('pgbackrest', `--stanza=${cluster.scope}`, 'check');
        await runChecked(await onPrimary(), check, { timeoutMs: 180_000 });
      },
    },
    replaceStep(setting, 'Record the end of the gap', {
      name,
      isNew: ({ value }) => isOpenIn(value) === null,
      make: async ({ value }) => {
        const backup = await newFullBackup(await onPrimary(), cluster.scope, repository, known);
        if (backup === null) throw new Error(`the full backup of repository ${repository} is missing`);
        const oldest = new Date(Date.now() - cluster.backups.retentionDays * 2 * 86_400_000).toISOString();
        const to = backup.stoppedAt.toISOString();
        return formatArchiveGaps(withClosed(parseArchiveGaps(value), repository, to, oldest));
      },
    }),
    fetchStep(setting, 'Roll out the configuration to all nodes', readers),
  ];
}
