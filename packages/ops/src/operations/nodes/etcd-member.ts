import { type Node, nodesOf, ports, type Region } from '@pgha/infra/cluster';
import { etcdDataDirectory } from '@pgha/infra/machines';
import {
  announceEtcdMember,
  type EtcdMember,
  healthyEndpoints,
  listEtcdMembers,
  removeEtcdMember,
} from '../../clients/etcd-members.ts';
import { RefusedError } from '../../exit-codes.ts';
import { type Host, runChecked } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';

/** A member that starts, takes the others' snapshot, and votes. */
const joinTimeoutMs = 180_000;

/** What every step about a member needs: the member, and another one's machine to ask. */
export interface EtcdSetting {
  installation: Installation;
  region: Region;
  node: Node;
}

/**
 * Whether the others have a quorum of all members without this one: taking it out may then not stop anything. A configuration with
 * fewer etcd machines names fewer than etcd still counts.
 *
 * @throws RefusedError when they have not.
 */
export function planQuorumCheck(setting: EtcdSetting): Step {
  const { region, node } = setting;
  return {
    title: `Check that etcd has a quorum without ${node.name}`,
    run: async (report) => {
      const asked = otherHost(setting);
      const all = Math.max(nodesOf(region, 'etcd').length, (await listEtcdMembers(asked)).length);
      const well = await healthyEndpoints(asked);
      const others = well.filter((endpoint) => endpoint !== clientUrl(node));
      const needed = Math.floor(all / 2) + 1;
      report(`${others.length} of the ${all - 1} others are healthy`);
      if (others.length < needed) {
        throw new RefusedError(
          `only ${others.length} of the other etcd members are healthy, ${needed} are required. Recover them first`,
        );
      }
    },
  };
}

/** Several elections of a leader. */
const changeTimeoutMs = 30_000;

/**
 * Takes the member out, unless it is out already or only announced.
 *
 * @param isNew whether the new machine is there: what is listed is the new member then.
 */
export function planRemoval(setting: EtcdSetting, isNew: () => Promise<boolean>): Step {
  const { node } = setting;
  return {
    title: `Remove the old ${node.name} from etcd`,
    isDone: async () => (await isNew()) || (await find(setting))?.hasStarted !== true,
    run: () => removeFrom(setting),
  };
}

function removeFrom(setting: EtcdSetting): Promise<void> {
  return changed(setting, `etcd to remove ${setting.node.name}`, async () => {
    const member = await find(setting);
    if (member !== null) await removeEtcdMember(otherHost(setting), member.id);
    return true;
  });
}

/**
 * Changes who belongs to etcd, again when that was answered by an error: a leader that takes itself out stops before it can
 * answer, and the others have none for a moment.
 */
async function changed({ installation }: EtcdSetting, what: string, change: () => Promise<true>): Promise<void> {
  await waitUntil(change, { what, timeoutMs: changeTimeoutMs, everyMs: 1_000, signal: installation.signal });
}

/** Takes a member out that does not come back. */
export function planLeaving(setting: EtcdSetting): Step {
  const { node } = setting;
  return {
    title: `Remove ${node.name} from etcd`,
    isDone: async () => (await find(setting)) === null,
    run: () => removeFrom(setting),
  };
}

/** Announces the member that will start empty. */
export function planAnnouncement(setting: EtcdSetting): Step {
  const { node } = setting;
  return {
    title: `Add the new ${node.name} to etcd`,
    isDone: async () => (await find(setting)) !== null,
    run: () =>
      changed(setting, `etcd to add ${node.name}`, async () => {
        if ((await find(setting)) !== null) return true;
        await announceEtcdMember(otherHost(setting), node.name, peerUrl(node));
        return true;
      }),
  };
}

/** Waits until the member has joined; one that started before it was announced begins again. */
export function planJoin(setting: EtcdSetting): Step {
  const { installation, node } = setting;
  const hasJoined = async () => (await healthyEndpoints(otherHost(setting))).includes(clientUrl(node));
  return {
    title: `Wait until etcd member ${node.name} is healthy`,
    isDone: hasJoined,
    run: async (report) => {
      const host = installation.host(node);
      if ((await find(setting))?.hasStarted === false && !(await startsWithin(hasJoined, installation.signal))) {
        report('restarting it without data');
        await beginAgain(host);
      }
      await waitUntil(hasJoined, {
        what: `etcd on ${node.name} to become healthy`,
        timeoutMs: joinTimeoutMs,
        everyMs: 2_000,
        signal: installation.signal,
      });
    },
  };
}

/** A member whose first start was refused has left a folder behind that keeps it from joining. */
async function beginAgain(host: Host): Promise<void> {
  await runChecked(host, ['systemctl', 'stop', 'etcd.service']);
  await runChecked(host, ['rm', '-rf', `${etcdDataDirectory}/member`]);
  await runChecked(host, ['systemctl', 'start', '--no-block', 'etcd.service']);
}

const patienceMs = 20_000;
/** An election takes a second or two. */
const listTimeoutMs = 15_000;

async function startsWithin(hasJoined: () => Promise<boolean>, signal: AbortSignal): Promise<boolean> {
  return waitUntil(hasJoined, { what: 'the member to join', timeoutMs: patienceMs, everyMs: 2_000, signal }).catch(
    () => false,
  );
}

async function find(setting: EtcdSetting): Promise<EtcdMember | null> {
  const host = otherHost(setting);
  // while its leader changes, as it does when the leader is taken out, etcd answers nobody
  const members = await waitUntil(() => listEtcdMembers(host), {
    what: `etcd of ${setting.region.awsRegion} to list its members`,
    timeoutMs: listTimeoutMs,
    everyMs: 500,
    signal: setting.installation.signal,
  });
  return members.find((member) => member.peerUrl === peerUrl(setting.node)) ?? null;
}

/** A machine of another member: this one may be gone. */
function otherHost({ installation, region, node }: EtcdSetting): Host {
  const other = nodesOf(region, 'etcd').find(({ name }) => name !== node.name);
  if (other === undefined) {
    throw new RefusedError(
      `${node.name} is the only etcd member of ${region.awsRegion}: a replacement would have no cluster to join. Repair it in place`,
    );
  }
  return installation.host(other);
}

const peerUrl = ({ hostname }: Node) => `https://${hostname}:${ports.etcdPeer}`;
const clientUrl = ({ hostname }: Node) => `https://${hostname}:${ports.etcdClient}`;
