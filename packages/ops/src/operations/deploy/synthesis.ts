import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Host, runChecked } from '../../hosts/host.ts';

/** What is rendered, from what, to where. */
export interface Synthesis {
  configFile: string;
  /** null: nobody logged in; names carry zeros in place of the account. */
  account: string | null;
  /** Gets `stacks/<name>/cdk.tf.json`. */
  folder: string;
}

/**
 * Renders the stacks as Terraform's JSON, in a process of its own: cdktf is loaded there and nowhere else.
 *
 * @param host this computer, in the workspace's folder.
 * @param node the Node binary that runs it.
 */
export async function synthesizeStacks(
  host: Host,
  node: string,
  { configFile, account, folder }: Synthesis,
): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const settings = ['--config', configFile, '--out', folder, ...(account === null ? [] : ['--account', account])];
  await runChecked(host, [node, '--disable-warning=DEP0044', 'packages/infra/src/stacks/main.ts', ...settings], {
    timeoutMs: 120_000,
  });
}
