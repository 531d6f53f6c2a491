import type { Region } from '@pgha/infra/cluster';
import { RefusedError } from '../../exit-codes.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { moveRegion, planSwitchover, type RegionMove } from './move.ts';
import { planRejoin, powerOn, type Rejoin, rejoinRegion } from './rejoin.ts';
import { runOnBothRegions } from './two-regions.ts';
import { type DrView, factsOf, nextEpoch, type Perform, secondRegionOf, viewDr } from './view.ts';

/** The way home. */
export interface Failback {
  /** null: an earlier run had brought it back and moved already. */
  rejoin: Rejoin | null;
  move: RegionMove;
}

/**
 * Brings the primary region back as a standby, waits until it has everything, and moves the writes home without loss. The second
 * region's lock is taken first: it acts when this begins, and the other etcd may be off.
 */
export async function failBack(installation: Installation, perform: Perform): Promise<Failback> {
  const { primary: home } = installation.cluster;
  const away = secondRegionOf(installation.cluster);
  return runOnBothRegions(
    installation,
    [away, home],
    'dr failback',
    async (run) => {
      const view = await viewDr(installation);
      const isHome = actsAboveTheOther(view);
      if (isHome && !run.memory.isResumed) throw new RefusedError(`${home.awsRegion} is already the active region`);
      // an earlier run has ended the second region's primary: the first one is back and has everything
      const isOnTheWay =
        run.memory.isResumed &&
        factsOf(view, home).role === 'standby' &&
        view.dr.members?.some(({ role }) => role === 'leader') === false;
      const rejoin = isHome || isOnTheWay ? null : await rejoinRegion(installation, home, run, perform);
      return { rejoin, move: await moveRegion(installation, home, run, perform) };
    },
    {
      prepare: () => perform([powerOn(installation, home, installation.signal)]),
    },
  );
}

/** What a failback would do from here; nothing is changed. */
export async function planFailback(installation: Installation): Promise<readonly Step[]> {
  const { primary: home } = installation.cluster;
  return [
    ...planReturn(installation, await viewDr(installation), home, false),
    ...(await planSwitchover(installation, home, installation.signal)),
  ];
}

/**
 * Brings the former primary region back as the standby, and leaves the writes where they are.
 *
 * @param rebuild replaces the data of a region that streams too.
 */
export async function bringBack(installation: Installation, rebuild: boolean, perform: Perform): Promise<Rejoin> {
  const [acting, lost] = actingAndLost(await viewDr(installation));
  return runOnBothRegions(
    installation,
    [acting, lost],
    rebuild ? 'dr rejoin --rebuild' : 'dr rejoin',
    (run) => rejoinRegion(installation, lost, run, perform, rebuild),
    {
      prepare: () => perform([powerOn(installation, lost, installation.signal)]),
    },
  );
}

/** What bringing it back would do from here; nothing is changed. */
export async function planBringBack(installation: Installation, rebuild: boolean): Promise<readonly Step[]> {
  const view = await viewDr(installation);
  const [, lost] = actingAndLost(view);
  return planReturn(installation, view, lost, rebuild);
}

function planReturn(installation: Installation, view: DrView, lost: Region, rebuild: boolean): readonly Step[] {
  const record = { lost: [], restored: [], servers: [] };
  const memory = {
    isResumed: false,
    since: '',
    recall: () => null,
    choose: async (_name: string, make: () => string) => make(),
  };
  return [
    powerOn(installation, lost, installation.signal),
    ...planRejoin(installation, lost, nextEpoch(view) - 1, memory, record, installation.signal, rebuild),
  ];
}

function actingAndLost(view: DrView): readonly [Region, Region] {
  const regions = [view.primary.region, view.dr.region] as const;
  return actsAboveTheOther(view) ? regions : [regions[1], regions[0]];
}

/** Whether the primary region is the active one: a region that was failed over from still has a configuration that says so of itself. */
function actsAboveTheOther(view: DrView): boolean {
  const [home, away] = [factsOf(view, view.primary.region), factsOf(view, view.dr.region)];
  if (home.role !== 'acting') return false;
  return away.role !== 'acting' || (home.epoch ?? 0) > (away.epoch ?? 0);
}
