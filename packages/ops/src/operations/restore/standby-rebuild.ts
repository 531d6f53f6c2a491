import { listMembers } from '../../clients/patronictl.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { waitUntilWhole } from '../regions.ts';
import { forgetCluster } from './etcd-cluster.ts';
import type { InPlaceChoices } from './in-place-setting.ts';
import { areFollowing, isAside, isFree, type Members, restoreTimeoutMs } from './members.ts';

/** The standby region is rebuilt behind the new full backup: its own copy is of a timeline that goes nowhere. */
export function rebuildStandby(
  installation: Installation,
  members: Members,
  { id }: InPlaceChoices,
  signal: AbortSignal,
): Step {
  const all = [...members.restores.values()];
  const names = [...members.hosts.keys()];
  const [first] = members.hosts.values();
  const isBuilt = async () => {
    const states = await Promise.all(all.map((member) => member.state()));
    return states.every((state) => isAside(state, id) && isFree(state));
  };
  return {
    title: `Rebuild ${members.region.awsRegion} as the standby region`,
    isDone: async () => (await isBuilt()) && first !== undefined && areFollowing(await listMembers(first), names),
    run: async (report) => {
      if (!(await isBuilt())) {
        await Promise.all(all.map((member) => member.hold(id)));
        await Promise.all(all.map((member) => member.stop()));
        await Promise.all(all.map((member) => member.aside(id)));
        await forgetCluster(members.etcd, installation.cluster);
        await Promise.all(all.map((member) => member.release(id)));
      }
      await waitUntilWhole(installation, members.region, null, report, signal, restoreTimeoutMs);
    },
  };
}
