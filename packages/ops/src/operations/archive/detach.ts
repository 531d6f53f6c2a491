import { membersOf, type Node, type Region } from '@pgha/infra/cluster';
import { detachedRepositoriesParameter, repositoryNumber } from '@pgha/infra/machines';
import { observe, toldOf } from '../../clients/observation.ts';
import { RefusedError } from '../../exit-codes.ts';
import { runChecked } from '../../hosts/host.ts';
import type { SecretStore } from '../../secrets/index.ts';
import type { Report, Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { fetchStep, findPrimary } from '../secrets/machines.ts';
import type { SecretsSetting } from '../secrets/setting.ts';
import { readStored } from '../secrets/stored.ts';
import { formatArchiveGaps, openGap, parseArchiveGaps, regionOfRepository, withDetached } from './record.ts';

/** What leaving a repository out works with besides what every change of a parameter does. */
export interface DetachSetting extends SecretsSetting {
  /** The Parameter Store of one region: the other one may be lost together with its repository. */
  storeOf(region: Region): SecretStore;
}

/** A day of WAL takes longer; that it goes on is seen by then. */
const drainTimeoutMs = 120_000;

/**
 * The steps that leave a repository out of the archive on every machine, so that the primary no longer keeps WAL for it. What the
 * repository holds stays readable.
 *
 * @param since when it is left out; RFC 3339, UTC.
 * @throws UsageError when there is no such repository; RefusedError when it is the last one.
 */
export function planDetach(setting: DetachSetting, repository: number, since: string): readonly Step[] {
  const { cluster, regions } = setting;
  const lost = regionOfRepository(cluster, repository);
  const others = regions.filter(({ kind }) => kind !== lost.kind);
  if (others.length === 0)
    throw new RefusedError(`repository ${repository} is the only repository: without it no WAL is archived`);
  return [
    othersAreAttached(setting, others),
    ...others.map((region) => recordStep(setting, region, repository, since)),
    tolerant(setting, recordStep(setting, lost, repository, since), `Parameter Store of ${lost.awsRegion}`),
    ...others.map((region) =>
      fetchStep(setting, `Detach repository ${repository} on the members in ${region.awsRegion}`, membersOf(region)),
    ),
    ...membersOf(lost).map((node) =>
      tolerant(setting, fetchStep(setting, `Detach repository ${repository} on ${node.name}`, [node]), node.name),
    ),
    drainStep(setting),
  ];
}

/** The archive has to go somewhere. */
function othersAreAttached({ cluster, storeOf }: DetachSetting, others: readonly Region[]): Step {
  return {
    title: 'Verify WAL archiving to the other repository',
    run: async () => {
      for (const region of others) {
        const gaps = parseArchiveGaps(
          (await readStored(storeOf(region), detachedRepositoriesParameter(cluster))).value,
        );
        const attached = others.filter((each) => openGap(gaps, repositoryNumber(each))?.state !== 'detached');
        if (attached.length === 0)
          throw new RefusedError('the other repository is already detached. Reattach it first');
      }
    },
  };
}

function recordStep({ cluster, storeOf }: DetachSetting, region: Region, repository: number, since: string): Step {
  const name = detachedRepositoriesParameter(cluster);
  const read = async () => parseArchiveGaps((await readStored(storeOf(region), name)).value);
  return {
    title: `Record the detachment in ${region.awsRegion}`,
    isDone: async () => openGap(await read(), repository)?.state === 'detached',
    run: async () => storeOf(region).replace(name, formatArchiveGaps(withDetached(await read(), repository, since))),
  };
}

/** What is lost together with the repository may be missing: attaching brings it up to date. */
function tolerant({ note, signal }: DetachSetting, step: Step, what: string): Step {
  const attempt = async (report: Report) => {
    if ((await step.isDone?.()) === true) return;
    await step.run(report);
  };
  return {
    title: step.title,
    run: async (report) => {
      await attempt(report).catch((error: Error) => {
        signal.throwIfAborted();
        const [line = ''] = error.message.split('\n');
        report(line);
        note(`${what} has not received the configuration (${line}); reattaching the repository updates it`);
      });
    },
  };
}

/** What waited for the repository goes into the other one now. */
function drainStep(setting: DetachSetting): Step {
  return {
    title: 'Wait until the primary has archived the backlog',
    run: async (report) => {
      const { node } = await findPrimary(setting);
      const first = await readQueue(setting, node);
      await runChecked(setting.host(node), asSuperuser('select pg_switch_wal()'));
      let last = first;
      await waitUntil(
        async () => {
          last = await readQueue(setting, node);
          report(`${last.waiting} segments pending`);
          return last.waiting === 0 && last.archived !== first.archived;
        },
        {
          what: 'the WAL archive backlog to drain',
          timeoutMs: drainTimeoutMs,
          everyMs: 1_000,
          signal: setting.signal,
        },
      ).catch((error: unknown) => {
        if (setting.signal.aborted || last.archived === first.archived) throw error;
        setting.note(
          `${last.waiting} segments are still pending and are being archived; "pgha archive status" shows the backlog`,
        );
      });
    },
  };
}

const asSuperuser = (statement: string) => [
  ...['runuser', '-u', 'postgres', '--', 'psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align'],
  ...['--dbname=postgres', `--command=${statement}`],
];

async function readQueue({ host }: DetachSetting, node: Node) {
  const database = toldOf((await observe(host(node))).database);
  if (database === null) throw new Error(`${node.name} does not report its WAL archive backlog`);
  return { waiting: database.walWaiting, archived: database.archiver.lastArchivedWal };
}
