import { upgradeProgram } from '@pgha/infra/machines';
import { type Parsed, parse, UpgradeAnswer } from '@pgha/protocol';
import { type Host, runChecked } from '../hosts/host.ts';

/** Where a machine is with its upgrades. */
export type UpgradeState = Parsed<typeof UpgradeAnswer>;

/** Fetching lists and packages over a small machine's link. */
const timeoutMs = 20 * 60_000;

/** Asks apt; nothing is installed. */
export async function readUpgrades(host: Host): Promise<UpgradeState> {
  return ask(host, 'state');
}

/** Installs what is available and restarts nothing; gives the units that have to be. */
export async function installUpgrades(host: Host): Promise<readonly string[]> {
  return (await ask(host, 'install')).pending;
}

/** Lets one unit run the new version. */
export async function restartUpgraded(host: Host, unit: string): Promise<void> {
  await runChecked(host, [upgradeProgram, 'restart', unit], { timeoutMs: 300_000 });
}

async function ask(host: Host, verb: 'state' | 'install'): Promise<UpgradeState> {
  const text = await runChecked(host, [upgradeProgram, verb], { timeoutMs });
  return parse(UpgradeAnswer, text, { program: 'pgha-upgrade', host: host.name, release: null });
}
