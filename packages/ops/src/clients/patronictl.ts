import { patroniConfigDirectory } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';

/** A member as `patronictl list` tells it on any of the members. */
export interface ListedMember {
  name: string;
  isLeader: boolean;
  /** The leader runs, everybody else streams. */
  isWell: boolean;
  state: string;
}

/** Asks on a member's own machine, which works wherever the machine can be entered. */
export async function listMembers(host: Host): Promise<readonly ListedMember[]> {
  const text = await runChecked(host, ['patronictl', '-c', patroniConfigDirectory, 'list', '--format', 'json']);
  return (JSON.parse(text) as readonly { Member: string; Role: string; State: string }[]).map(
    ({ Member: name, Role: role, State: state }) => {
      const isLeader = role === 'Leader' || role === 'Standby Leader';
      return { name, isLeader, isWell: state === (role === 'Leader' ? 'running' : 'streaming'), state };
    },
  );
}

/**
 * Merges settings into what Patroni keeps for all members of a region; keys that are not named stay.
 *
 * @param settings what `patronictl edit-config` takes.
 */
export async function mergeDynamicConfig(host: Host, settings: Readonly<Record<string, unknown>>): Promise<void> {
  const command = ['patronictl', '-c', patroniConfigDirectory, 'edit-config', '--apply', '-', '--force', '--quiet'];
  await runChecked(host, command, { input: JSON.stringify(settings) });
}
