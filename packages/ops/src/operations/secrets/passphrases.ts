import { membersOf, type Region } from '@pgha/infra/cluster';
import { backupPassphrasesParameter, repositoryNumber } from '@pgha/infra/machines';
import { asPostgres, readRepository } from '../../clients/pgbackrest.ts';
import { RefusedError } from '../../exit-codes.ts';
import { type Host, runChecked } from '../../hosts/host.ts';
import { formatGenerations, type Generation, parseGenerations, randomSecret } from '../../secrets/index.ts';
import type { Step } from '../../step.ts';
import { provideFullBackup } from '../archive/full-backup.ts';
import { openGap, readArchiveGaps } from '../archive/record.ts';
import { fetchStep, findPrimary } from './machines.ts';
import type { SecretChange, SecretsSetting } from './setting.ts';
import { readStored, replaceStep } from './stored.ts';

/** The key under which the machines know a repository of a generation that is not the current one: see `pgha-repositories`. */
function repositoryKey(generation: number, region: Region): number {
  return 10 * (1 + ((generation - 1) % 24)) + repositoryNumber(region);
}

/**
 * Begins another generation of both repositories. The archive goes into the old and the new one until the new one has a full
 * backup, so that any second can be restored from one of them; the old one stays readable.
 */
export const passphraseRotation: SecretChange = {
  observe: async (setting) => {
    const generations = await readGenerations(setting);
    const coming = generations.find(({ state }) => state === 'coming');
    const next = coming?.number ?? Math.max(...generations.map(({ number }) => number)) + 1;
    return { next: `${next}` };
  },
  plan: (setting, before) => {
    const next = Number(before['next']);
    const name = backupPassphrasesParameter(setting.cluster);
    const members = setting.regions.flatMap(membersOf);
    const stateOf = (text: string) => parseGenerations(text).find(({ number }) => number === next)?.state;
    return [
      replaceStep(setting, `Create generation ${next} of the backup encryption key`, {
        name,
        isNew: ({ value }) => stateOf(value) !== undefined,
        make: ({ value }) =>
          formatGenerations([
            ...parseGenerations(value),
            { number: next, state: 'coming', passphrase: randomSecret() },
          ]),
      }),
      fetchStep(setting, 'Archive to both generations on all members', members),
      fullBackupsStep(setting, next, async () => stateOf((await readStored(setting.store, name)).value) === 'coming'),
      replaceStep(setting, `Make generation ${next} current`, {
        name,
        isNew: ({ value }) => stateOf(value) === 'current',
        make: ({ value }) => formatGenerations(parseGenerations(value).map((each) => promoted(each, next))),
      }),
      fetchStep(setting, 'Switch all nodes to it', setting.readersOf([name])),
      archiveStep(setting),
      {
        title: 'Keep the previous generation readable',
        run: async () =>
          setting.note(
            `Older backups are restored from the previous generation until you run "pgha secrets retire backup_passphrases", ` +
              `which is due in ${setting.cluster.backups.retentionDays} days`,
          ),
      },
    ];
  },
};

function promoted(generation: Generation, next: number): Generation {
  if (generation.number === next) return { ...generation, state: 'current' };
  return { ...generation, state: 'former' };
}

/** A full backup in every repository of the coming generation that is not detached. */
function fullBackupsStep(setting: SecretsSetting, generation: number, isNeeded: () => Promise<boolean>): Step {
  return {
    title: `Take a full backup with generation ${generation} to every repository`,
    isNeeded,
    run: async (report) => {
      const { node } = await findPrimary(setting);
      const gaps = await readArchiveGaps(setting.store, setting.cluster);
      for (const region of setting.regions) {
        if (openGap(gaps, repositoryNumber(region))?.state === 'detached') continue;
        const key = repositoryKey(generation, region);
        await provideFullBackup(setting.host(node), setting.cluster.scope, key, [], report);
      }
    },
  };
}

/** A segment that is switched now arrives: the repositories of the current generation take what is archived. */
function archiveStep(setting: SecretsSetting): Step {
  return {
    title: 'Verify WAL archiving',
    run: async () => {
      const { node } = await findPrimary(setting);
      const check = ['pgbackrest', `--stanza=${setting.cluster.scope}`, 'check'];
      await runChecked(setting.host(node), asPostgres(...check), { timeoutMs: 180_000 });
    },
  };
}

async function readGenerations({ cluster, store }: Pick<SecretsSetting, 'cluster' | 'store'>) {
  return parseGenerations((await readStored(store, backupPassphrasesParameter(cluster))).value);
}

/** Removes everything below a path of a region's backup bucket. */
export type EraseRepository = (region: Region, path: string) => Promise<void>;

/**
 * Forgets the generations whose time is over: their passphrases, then what they encrypt.
 *
 * @param isEarly what only they can restore is given up.
 * @throws RefusedError from its observation while something that has to be restorable is in one of them alone.
 */
export function passphraseRetirement(erase: EraseRepository, isEarly = false): SecretChange {
  return {
    observe: async (setting) => {
      const former = (await readGenerations(setting)).filter(({ state }) => state === 'former');
      if (former.length === 0) throw new RefusedError('there is no previous generation of the backup encryption key');
      const endsAt = isEarly ? new Date(0) : await retentionEnd(setting);
      if (endsAt.getTime() > Date.now()) {
        throw new RefusedError(
          `until ${endsAt.toISOString().slice(0, 10)} some points in time can only be restored from the previous generation. Rerun the command then`,
        );
      }
      return { generations: former.map(({ number }) => number).join(' ') };
    },
    plan: (setting, before) => {
      const name = backupPassphrasesParameter(setting.cluster);
      const gone = (before['generations'] ?? '').split(' ').map(Number);
      return [
        replaceStep(setting, `Remove generation ${gone.join(', ')} of the backup encryption key`, {
          name,
          isNew: ({ value }) => !parseGenerations(value).some(({ number }) => gone.includes(number)),
          make: ({ value }) =>
            formatGenerations(parseGenerations(value).filter(({ number }) => !gone.includes(number))),
        }),
        fetchStep(setting, 'Roll out the removal to all nodes', setting.readersOf([name])),
        ...setting.regions.map(
          (region): Step => ({
            title: `Delete its objects in ${region.awsRegion}`,
            run: async () => {
              for (const number of gone) await erase(region, `${setting.cluster.scope}/${number}/`);
            },
          }),
        ),
      ];
    },
  };
}

/** When every second of the retention can be restored from the current generation: its first full backups are old enough then. */
async function retentionEnd(setting: SecretsSetting): Promise<Date> {
  const { node } = await findPrimary(setting);
  const firsts = await Promise.all(
    setting.regions.map((region) =>
      firstFullBackup(setting.host(node), setting.cluster.scope, repositoryNumber(region)),
    ),
  );
  const latest = Math.max(...firsts.map((first) => first.getTime()));
  return new Date(latest + setting.cluster.backups.retentionDays * 86_400_000);
}

async function firstFullBackup(host: Host, stanza: string, key: number): Promise<Date> {
  const { backups } = await readRepository(host, stanza, key);
  const first = backups.find(({ type }) => type === 'full');
  if (first === undefined) throw new RefusedError(`repository ${key} has no full backup of its current generation`);
  return first.stoppedAt;
}
