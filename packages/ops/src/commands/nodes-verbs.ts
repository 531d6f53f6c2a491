import { resolve } from 'node:path';
import { allNodes, type Cluster, type Node, nodeBeyond, nodeNamed, type Region, regionOf } from '@pgha/infra/cluster';
import { UsageError } from '../exit-codes.ts';
import type { Installation } from '../installation/installation.ts';
import { planLabAddition, planLabRemoval } from '../lab/membership.ts';
import { planNewLabMachine } from '../lab/new-machine.ts';
import { describeAccount, requireAccountForNode } from '../operations/deploy/account-check.ts';
import {
  type OldInstance,
  planAddedInstance,
  planNewInstance,
  planRemovedInstance,
} from '../operations/deploy/replace.ts';
import type { Session } from '../operations/deploy/session.ts';
import { type Scope, scopeOf } from '../operations/deploy/target.ts';
import { planAddition, planDeparture } from '../operations/nodes/membership.ts';
import { isNewMachine, type NodeSetting, planReplacement, readIdentity } from '../operations/nodes/replace.ts';
import { planReboot, planReinit, planRestart, readBoot } from '../operations/nodes/restart.ts';
import type { OperationRun } from '../operations/operation.ts';
import type { Step } from '../step.ts';
import { noSession, openSession } from './aws.ts';
import type { CommandContext } from './command.ts';
import type { PlaceOptions } from './place.ts';

export interface NodesOptions extends PlaceOptions {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
  reboot?: boolean;
}

/** What planning the steps of a verb works with. */
interface Planning {
  context: CommandContext;
  options: NodesOptions;
  setting: NodeSetting;
  /** null: the steps are only shown. */
  run: OperationRun | null;
}

/** What a verb of `pgha nodes` does to one machine. */
interface Verb {
  /** Finds the machine by its name, or says why this verb is not for it. */
  find(cluster: Cluster, name: string): { node: Node; region: Region };
  /** Asked before anything is done, with what is lost; null: nothing is. */
  question(node: Node, kind: Installation['kind']): string | null;
  plan(planning: Planning): Promise<readonly Step[]>;
}

/** The verbs that work on one machine. */
export const verbs = {
  restart: {
    find: findMachine,
    question: () => null,
    plan: async ({ options, setting, run }) => {
      if (options.reboot !== true) return planRestart(setting);
      const before = run === null ? '' : await readBoot(setting);
      return planReboot(setting, run === null ? before : await run.memory.choose('boot', () => before));
    },
  },
  reinit: {
    find: findMachine,
    question: ({ name }) =>
      `Delete the data of ${name} and reinitialize it from the newest backup or from the primary?`,
    plan: async ({ setting }) => planReinit(setting),
  },
  replace: {
    find: findMachine,
    question: (node, kind) =>
      `Replace ${node.name} with a new ${kind === 'aws' ? 'EC2 instance' : 'machine'}? ${lossOf(node, kind)}`,
    plan: async (planning) => {
      const { setting } = planning;
      const isThere = await rememberMachine(planning);
      const steps = await planMaking(planning, {
        lab: (places) => planNewLabMachine(places, setting.node, isThere),
        aws: (scope, open) => planNewInstance(scope, setting.node, open, isThere, oldInstance(setting)),
        creates: true,
      });
      return planReplacement(setting, { steps, isThere });
    },
  },
  add: {
    find: (cluster, name) => {
      if (hasMachine(cluster, name)) return findMachine(cluster, name);
      throw new UsageError(`${name} is not in the configuration. Increase the number of nodes there first`);
    },
    question: ({ name }) => `Add ${name} to the cluster?`,
    plan: async (planning) => {
      const { setting } = planning;
      const { installation, region, node } = setting;
      const isThere = async () => (await installation.power.state(node)) === 'running';
      return planAddition(
        setting,
        await planMaking(planning, {
          lab: (places) => planLabAddition(places, region, node, isThere),
          aws: (scope, open) => planAddedInstance(scope, node, open),
          creates: true,
        }),
      );
    },
  },
  remove: {
    find: (cluster, name) => {
      if (hasMachine(cluster, name)) {
        throw new UsageError(`${name} is still in the configuration. Decrease the number of nodes there first`);
      }
      const found = nodeBeyond(cluster, name);
      if (found === null) throw new UsageError(`unknown node "${name}"`);
      return found;
    },
    question: ({ name }, kind) =>
      `Remove ${name} from the cluster and delete the ${kind === 'aws' ? 'EC2 instance' : 'machine'}? Its disk is deleted${kind === 'aws' ? '; a data volume is kept' : ' with its data'}.`,
    plan: async (planning) => {
      const { setting } = planning;
      return planDeparture(
        setting,
        await planMaking(planning, {
          lab: (places) => planLabRemoval(places, setting.region, setting.node),
          aws: (scope, open) => planRemovedInstance(scope, setting.node, open),
          creates: false,
        }),
      );
    },
  },
} as const satisfies Readonly<Record<string, Verb>>;

/** What goes with a machine's disk, and where the new one has it from. */
function lossOf({ role }: Node, kind: Installation['kind']): string {
  const disk = 'Its disk is deleted, with its journal and any manual changes';
  switch (role) {
    case 'postgres':
    case 'standby':
      return kind === 'aws'
        ? `${disk}; its data volume is attached to the new instance.`
        : `${disk}, and its data, which is reinitialized from the newest backup or from the primary.`;
    case 'etcd':
      return `${disk}; its etcd data is replicated from the other members.`;
    case 'monitoring':
      return `${disk}, and all metrics, silences and dashboards created there: there is no other copy.`;
    case 'api':
      return `${disk}; both services are downloaded from the artifact bucket, and its address is unavailable meanwhile.`;
    case 'bastion':
      return `${disk}; sessions through it are closed.`;
  }
}

/**
 * The steps that make or remove the machine itself. On AWS a session is opened for them, with everything that a deploy checks;
 * the lab needs none.
 */
async function planMaking(
  { context, options, setting, run }: Planning,
  ways: {
    lab(places: CommandContext['settings']['labPlaces']): readonly Step[];
    aws(scope: Scope, open: () => Session): readonly Step[];
    /** An instance is created: quotas, zone and instance type are checked before anything is stopped. */
    creates: boolean;
  },
): Promise<readonly Step[]> {
  const { installation, region } = setting;
  if (installation.kind === 'lab') return ways.lab(context.settings.labPlaces);
  if (run === null) return ways.aws(scopeOf(installation.cluster, region.kind, true), noSession);
  const session = await openSession(context, region.kind, { config: resolve(options.config), alone: true });
  if (ways.creates) {
    process.stderr.write(describeAccount(await requireAccountForNode(session, setting.node)));
  }
  return ways.aws(session.scope, () => session);
}

function oldInstance({ installation: { power, host }, node }: NodeSetting): OldInstance {
  return {
    state: () => power.state(node),
    responds: async () => (await readIdentity(host(node))) !== null,
    cut: () => power.cut(node),
  };
}

/** Which machine is there now, or was when the command was first run; answers whether it is another one since. */
async function rememberMachine({ setting, run }: Planning): Promise<() => Promise<boolean>> {
  const host = setting.installation.host(setting.node);
  const now = run === null ? null : await readIdentity(host);
  // an empty word: it could not be asked
  const before = run === null ? '' : await run.memory.choose('machine', () => now ?? '');
  return () => isNewMachine(host, before === '' ? null : before);
}

function findMachine(cluster: Cluster, name: string): { node: Node; region: Region } {
  if (!hasMachine(cluster, name)) {
    const names = allNodes(cluster).map((node) => node.name);
    throw new UsageError(`unknown node "${name}". Nodes: ${names.join(', ')}`);
  }
  const node = nodeNamed(cluster, name);
  return { node, region: regionOf(cluster, node) };
}

const hasMachine = (cluster: Cluster, name: string) => allNodes(cluster).some((node) => node.name === name);
