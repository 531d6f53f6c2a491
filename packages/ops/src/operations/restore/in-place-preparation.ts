import { peerOf, type Region } from '@pgha/infra/cluster';
import { etcdOn } from '../../clients/etcd.ts';
import { readRepository } from '../../clients/pgbackrest.ts';
import { query } from '../../clients/psql.ts';
import { type MemberState, memberRestore } from '../../clients/restore-in-place.ts';
import { RefusedError } from '../../exit-codes.ts';
import { bothRegions, hostsOf, type Installation } from '../../installation/installation.ts';
import { readUnfinished } from '../engine/record.ts';
import { memberHosts, viewRegions } from '../regions.ts';
import { findAllWriters, refuseHiddenPrimary } from '../writers.ts';
import { type Acting, findActing, repositoriesOf } from './acting.ts';
import type { InPlaceChoices } from './in-place-setting.ts';
import { preRestoreName } from './kept.ts';
import { findSource } from './source.ts';
import { say } from './target.ts';
import { newestBehind } from './timelines.ts';

/** What the operator said. */
export interface InPlaceRequest {
  moment: Date;
  repository: number | null;
  /** The standby region may stay as it is: it is lost, or is rebuilt later. */
  withoutStandby: boolean;
}

/** A restore in place that can begin, and what it costs. */
export interface InPlacePreparation {
  region: Region;
  standby: Region | null;
  choices: InPlaceChoices;
  loss: InPlaceLoss;
}

/** What a restore in place takes away. */
export interface InPlaceLoss {
  /** From the moment to now. */
  seconds: number;
  /** The newest commit, RFC 3339; null: nobody can be asked. */
  lastCommitAt: string | null;
}

/** The region in whose etcd a restore of this name was interrupted, and what it had decided; null: there is none. */
export async function findUnfinishedRestore(
  installation: Installation,
  doing: string,
): Promise<{ region: Region; choices: InPlaceChoices } | null> {
  for (const region of bothRegions(installation.cluster)) {
    // a region that cannot be asked is not the one this was begun in, or it cannot go on anyway
    const there = await readUnfinished(etcdOn(hostsOf(installation, region, 'etcd'))).catch(() => null);
    const kept = there?.value.choices['plan'];
    if (there?.value.doing === doing && kept !== undefined) {
      return { region, choices: JSON.parse(kept) as InPlaceChoices };
    }
  }
  return null;
}

/**
 * Looks whether a restore in place can be brought to its end before anything is touched.
 *
 * @throws RefusedError with everything that stands in the way.
 */
export async function prepareInPlace(installation: Installation, request: InPlaceRequest): Promise<InPlacePreparation> {
  const { cluster } = installation;
  const [acting, writers] = await Promise.all([findActing(installation), findAllWriters(installation)]);
  // what it acknowledges until it is stopped would be neither in the restored data nor kept
  refuseHiddenPrimary(
    [acting.view],
    writers.filter(({ region }) => region.kind === acting.view.region.kind),
  );
  const { region } = acting.view;
  const { source, archive } = await findSource(cluster, region, acting.reader, request.moment, request.repository);
  const obstacles: string[] = [];
  const standby = await standbyOf(installation, region, request.withoutStandby, obstacles);
  for (const each of [region, ...(standby === null ? [] : [standby])]) {
    const states = await memberStates(installation, each, obstacles);
    for (const [name, state] of states) obstacles.push(...obstaclesOn(name, state, source.sizeBytes));
  }
  const primary = acting.view.members?.find(({ isLeader }) => isLeader) ?? null;
  const newest = newestBehind(source.timeline, archive.histories);
  if (primary?.timeline != null && primary.timeline > newest) {
    obstacles.push(
      `repository ${source.repository} does not contain timeline ${primary.timeline}, the current timeline of the cluster: the restored cluster ` +
        'would reuse its number. Wait until its history file is archived',
    );
  }
  if (obstacles.length > 0) throw new RefusedError(obstacles.join('\n'));
  const [first = ''] = memberHosts(installation, region).keys();
  const choices: InPlaceChoices = {
    id: preRestoreName(archive.at),
    source,
    restorer: primary?.name ?? first,
    primary: primary?.name ?? null,
    repositories: await answering(acting, cluster.scope, repositoriesOf(cluster, undefined)),
    withStandby: standby !== null,
  };
  return { region, standby, choices, loss: await lossOf(acting, cluster.database, request.moment, archive.at) };
}

/** The other region, which follows; it has to be asked for, or left out knowingly. */
async function standbyOf(
  installation: Installation,
  region: Region,
  isLeftOut: boolean,
  obstacles: string[],
): Promise<Region | null> {
  const peer = peerOf(installation.cluster, region);
  if (peer === null || isLeftOut) return null;
  const view = (await viewRegions(installation)).find((each) => each.region.kind === peer.kind);
  if (view?.members != null) return peer;
  obstacles.push(
    `no member of ${peer.awsRegion} responded (${view?.problem ?? ''}). Start it, or leave it on its timeline with ` +
      '--without-standby and rebuild it later (pgha dr rejoin --rebuild)',
  );
  return null;
}

async function memberStates(
  installation: Installation,
  region: Region,
  obstacles: string[],
): Promise<ReadonlyMap<string, MemberState>> {
  const states = new Map<string, MemberState>();
  for (const [name, host] of memberHosts(installation, region)) {
    try {
      states.set(name, await memberRestore(host).state());
    } catch (error) {
      // one that comes back in the middle of it would lead with the old data
      obstacles.push(
        `${name} is unreachable (${(error as Error).message}). An in-place restore needs every member; start it or replace it first: pgha nodes replace ${name}`,
      );
    }
  }
  return states;
}

function obstaclesOn(name: string, state: MemberState, bytes: number): readonly string[] {
  const mib = (count: number) => `${Math.ceil(count / 1024 ** 2)} MiB`;
  return [
    ...(state.gate === null
      ? []
      : [`${name} is blocked by the startup gate for ${state.gate.id}: another in-place restore was interrupted`]),
    ...(state.tablespaces.length === 0 ? [] : [`${name} has tablespaces, which an in-place restore does not support`]),
    ...(state.usableBytes >= bytes
      ? []
      : [
          `not enough free disk space on ${name} to retain the current data: the backup needs ${mib(bytes)}, of ${mib(state.freeBytes)} free ` +
            `${mib(state.usableBytes)} may be used. Enlarge its data volume, or drop retained data ("pgha restore list")`,
        ]),
  ];
}

async function answering(acting: Acting, stanza: string, repositories: readonly number[]): Promise<readonly number[]> {
  const answers = await Promise.all(
    repositories.map((key) =>
      readRepository(acting.reader, stanza, key).then(
        () => true,
        () => false,
      ),
    ),
  );
  return repositories.filter((_, index) => answers[index]);
}

async function lossOf(acting: Acting, database: string, moment: Date, now: Date): Promise<InPlaceLoss> {
  const beat = 'select extract(epoch from beaten_at) from heartbeat.beat';
  const last = await query(acting.leader ?? acting.reader, beat, database).catch(() => null);
  return {
    seconds: Math.round((now.getTime() - moment.getTime()) / 1_000),
    lastCommitAt: last === null || last === '' ? null : say(new Date(Number(last) * 1_000)),
  };
}
