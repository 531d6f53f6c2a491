import type { StoredSecret } from '../../secrets/index.ts';
import { type Rotatable, rotatables } from './rotations.ts';
import type { SecretsSetting } from './setting.ts';

/** A secret as `pgha secrets list` tells it; no value is in it. */
export interface ListedSecret {
  name: string;
  use: string;
  parameters: readonly string[];
  /** The machines that fetch any of it. */
  machines: readonly string[];
  /** When what is in use was last changed; RFC 3339. null: it is not stored. */
  changedAt: string | null;
  ageDays: number | null;
  isDue: boolean;
  /** Something that was in use before is still valid. */
  isOldValid: boolean;
  /** Every region has the same values. */
  isMirrored: boolean;
}

/**
 * A year: nobody types or sees them, and every person who could read them has left the team or not within one. Certificates have
 * an end of their own: `pgha certs list`.
 */
const dueAfterDays = 365;
/** The CA signs for ten years; replacing it reaches outside the cluster. */
const authorityDueAfterDays = 9 * 365;
const dayMs = 86_400_000;

/** Everything that can be rotated, with its age. */
export async function listSecrets(setting: SecretsSetting, now: Date): Promise<readonly ListedSecret[]> {
  const { cluster, store } = setting;
  const stored = await store.inspect(rotatables.flatMap(({ parameters }) => parameters(cluster)));
  const listed: ListedSecret[] = [];
  for (const rotatable of rotatables) {
    const names = rotatable.parameters(cluster);
    const isStored = names.every((name) => stored.has(name));
    const changedAt = isStored ? lastChange(names, stored) : null;
    const ageDays = changedAt === null ? null : Math.floor((now.getTime() - changedAt.getTime()) / dayMs);
    const isOldValid = isStored && (await rotatable.old?.isValid(setting)) === true;
    listed.push({
      name: rotatable.name,
      use: rotatable.use,
      parameters: names,
      machines: setting.readersOf(names).map((node) => node.name),
      changedAt: changedAt?.toISOString() ?? null,
      ageDays,
      isDue: ageDays === null || ageDays > dueAfter(rotatable),
      isOldValid,
      isMirrored: names.every((name) => stored.get(name)?.isMirrored === true),
    });
  }
  return listed;
}

const dueAfter = ({ name }: Rotatable) => (name === 'ca' ? authorityDueAfterDays : dueAfterDays);

/** A pair of logins is as old as the one of its values that changed last: a rotation changes both. */
function lastChange(names: readonly string[], stored: ReadonlyMap<string, StoredSecret>): Date {
  return new Date(Math.max(...names.map((name) => stored.get(name)?.changedAt.getTime() ?? 0)));
}
