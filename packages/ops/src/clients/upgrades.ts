import { upgradeProgram } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';

/** A package with a newer minor version. */
interface Upgrade {
  package: string;
  from: string;
  to: string;
}

/** Where a machine is with its upgrades. */
export interface UpgradeState {
  available: readonly Upgrade[];
  /** Units that still run what was there before. */
  pending: readonly string[];
}

/** Fetching lists and packages over a small machine's link. */
const timeoutMs = 20 * 60_000;

/** Asks apt; nothing is installed. */
export async function readUpgrades(host: Host): Promise<UpgradeState> {
  return JSON.parse(await runChecked(host, [upgradeProgram, 'state'], { timeoutMs })) as UpgradeState;
}

/** Installs what is available and restarts nothing; gives the units that have to be. */
export async function installUpgrades(host: Host): Promise<readonly string[]> {
  return (JSON.parse(await runChecked(host, [upgradeProgram, 'install'], { timeoutMs })) as UpgradeState).pending;
}

/** Lets one unit run the new version. */
export async function restartUpgraded(host: Host, unit: string): Promise<void> {
  await runChecked(host, [upgradeProgram, 'restart', unit], { timeoutMs: 300_000 });
}
