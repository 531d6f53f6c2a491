import type { Node } from '@pgha/infra/cluster';
import type { Step } from '../../step.ts';
import type { Memory } from '../operation.ts';
import { fetchStep } from './machines.ts';
import type { SecretChange, SecretsSetting } from './setting.ts';

/** A change and the name under which its observation is remembered. */
export type NamedChange = SecretChange & { name: string };

/** What a plan remembers with; `noMemory` for one that is only shown. */
export type PlanMemory = Pick<Memory, 'choose' | 'recall'>;

export const noMemory: PlanMemory = { choose: async (_name, make) => make(), recall: () => null };

/**
 * Plans changes of secrets, one after the other. What was there before is remembered, so that a command that was interrupted plans the
 * same steps again, of which those that are done are passed over.
 */
export async function planChanges(
  setting: SecretsSetting,
  changes: readonly NamedChange[],
  memory: PlanMemory,
): Promise<readonly Step[]> {
  const remembered = memory.recall('before') ?? JSON.stringify(await observeAll(setting, changes));
  const before = JSON.parse(await memory.choose('before', () => remembered)) as Record<string, Record<string, string>>;
  return [...upToDateSteps(setting), ...changes.flatMap(({ name, plan }) => plan(setting, before[name] ?? {}))];
}

async function observeAll(setting: SecretsSetting, changes: readonly NamedChange[]) {
  const seen: Record<string, Readonly<Record<string, string>>> = {};
  for (const { name, observe } of changes) seen[name] = await observe(setting);
  return seen;
}

/**
 * Nothing is replaced before every machine that runs was entered, reached its Parameter Store and has what is there: two changes
 * are never on their way at once. etcd's members go one by one, because one of them may have to restart.
 */
function upToDateSteps(setting: SecretsSetting): readonly Step[] {
  const nodes = setting.regions.flatMap((region) => region.nodes);
  const isEtcd = ({ role }: Node) => role === 'etcd';
  return [
    fetchStep(setting, 'Roll out the stored secrets to the etcd nodes', nodes.filter(isEtcd), { oneByOne: true }),
    fetchStep(
      setting,
      'Roll out the stored secrets to all other nodes',
      nodes.filter((node) => !isEtcd(node)),
    ),
  ];
}
