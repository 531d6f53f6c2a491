import { tmpdir } from 'node:os';
import { type ClusterInput, defineCluster } from '../cluster/index.ts';
import type { StackName } from './cluster-stack.ts';
import { clusterApp } from './synthesize.ts';
import { TerraformStack } from './terraform.ts';

/** A resource's arguments as Terraform reads them. */
// biome-ignore lint/suspicious/noExplicitAny: Terraform's JSON has no types of its own; a check looks where it wants to
export type Arguments = Record<string, any>;

/** One synthesized stack: `resource[type][name]`, and the same of data sources. */
export interface Synthesized {
  terraform: Arguments;
  provider: Arguments;
  resource: Record<string, Record<string, Arguments>>;
  data: Record<string, Record<string, Arguments>>;
  output: Record<string, Arguments>;
  variable: Record<string, Arguments>;
  /** Of the data stacks. */
  import?: Arguments[];
  removed?: Arguments[];
}

export type Stacks = Partial<Record<StackName, Synthesized>>;

/** The stacks of a configuration, as `cdk.tf.json` has them. */
export function synthesize(input: ClusterInput, account: string | null = null): Stacks {
  const app = clusterApp({ cluster: defineCluster(input), account }, tmpdir());
  const stacks = app.node.children.filter((child) => TerraformStack.isStack(child));
  return Object.fromEntries(
    stacks.map((stack) => {
      stack.prepareStack();
      return [stack.node.id, JSON.parse(JSON.stringify(stack.toTerraform()))];
    }),
  );
}

/** Every resource of a type in all stacks, with where it stands. */
export function resourcesOf(stacks: Stacks, type: string): { stack: StackName; name: string; arguments: Arguments }[] {
  return (Object.entries(stacks) as [StackName, Synthesized][]).flatMap(([stack, { resource }]) =>
    Object.entries(resource[type] ?? {}).map(([name, given]) => ({ stack, name, arguments: given })),
  );
}
