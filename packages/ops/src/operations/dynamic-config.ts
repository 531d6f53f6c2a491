import { isDeepStrictEqual } from 'node:util';

/** Patroni's dynamic configuration, or a part of it. */
export type Settings = Readonly<Record<string, unknown>>;

/** A key that would change. `now` is null where it is not set. */
export interface SettingChange {
  key: string;
  now: string | null;
  wanted: string;
  /** Whether it comes into force with a restart of each member only. */
  needsRestart: boolean;
}

/** A key that somebody set with `patronictl edit-config`, and that stays. `wanted` is null where the configuration says nothing. */
export interface KeptSetting {
  key: string;
  now: string;
  wanted: string | null;
  why: string;
}

export interface DynamicDifference {
  changes: readonly SettingChange[];
  kept: readonly KeptSetting[];
  /** What `patronictl edit-config` takes to make the changes, and nothing else. */
  patch: Settings;
}

export interface DynamicFacts {
  /** "etl on pg-1": each logical slot that a member has. */
  logicalSlots: readonly string[];
  /** Keys that say what a region is and which operations change; they are neither compared nor named. */
  ofTheRegion: ReadonlySet<string>;
}

type Path = readonly string[];

/**
 * What bringing the dynamic configuration to `wanted` changes, and what stays as an operator left it. Pure.
 *
 * Nothing is removed. What the configuration cannot express because it is the same for every cluster is the least that the
 * cluster needs: a higher value is an operator's, and taking it back could keep a member from starting. A logical slot needs
 * wal_level "logical", a prepared transaction a place in max_prepared_transactions, every slot one in max_replication_slots; and
 * one that is made before the restart counts as well, so that counting them now proves nothing.
 */
export function compareDynamic(now: Settings, wanted: Settings, facts: DynamicFacts): DynamicDifference {
  const changes: SettingChange[] = [];
  const kept: KeptSetting[] = [];
  let patch: Settings = {};
  for (const { path, value } of leavesOf(wanted)) {
    const key = path.join('.');
    const own = valueAt(now, path);
    if (isSame(own, value)) continue;
    const why = own === undefined ? null : reasonToKeep(path, own, value, facts, now);
    if (why !== null) {
      kept.push({ key, now: shown(own), wanted: shown(value), why });
      continue;
    }
    changes.push({
      key,
      now: own === undefined || own === null ? null : shown(own),
      wanted: shown(value),
      needsRestart: isParameter(path) && needRestart.has(path.at(-1) ?? ''),
    });
    patch = merged(patch, path, value);
  }
  for (const { path, value } of leavesOf(now)) {
    const key = path.join('.');
    const isOfTheRegion = path.some((_, index) => facts.ofTheRegion.has(path.slice(0, index + 1).join('.')));
    if (isOfTheRegion || value === null || valueAt(wanted, path) !== undefined) continue;
    kept.push({ key, now: shown(value), wanted: null, why: 'not set in the configuration' });
  }
  return { changes, kept, patch };
}

/** The part of a patch that was agreed to, by the keys of its changes. */
export function onlyAgreed({ patch }: DynamicDifference, agreed: readonly SettingChange[]): Settings {
  const keys = new Set(agreed.map(({ key }) => key));
  return leavesOf(patch)
    .filter(({ path }) => keys.has(path.join('.')))
    .reduce<Settings>((result, { path, value }) => merged(result, path, value), {});
}

/** Where less than an operator set could keep a member from starting, or loosens what a commit waits for. */
const floors = new Set([
  'max_worker_processes',
  'max_wal_senders',
  'max_replication_slots',
  'max_prepared_transactions',
  'max_locks_per_transaction',
  'track_commit_timestamp',
  'wal_level',
]);

/** Parameters of the configuration that a server reads at its start only. */
const needRestart = new Set([...floors, 'max_connections', 'wal_log_hints', 'hot_standby']);

const walLevels = ['minimal', 'replica', 'logical'];

/** Why a value that differs stays; null where it is changed. */
function reasonToKeep(path: Path, own: unknown, wanted: unknown, facts: DynamicFacts, now: Settings): string | null {
  const name = path.at(-1) ?? '';
  const isFloor = isParameter(path) ? floors.has(name) : path.length === 1 && name === 'synchronous_node_count';
  if (!isFloor || !(rankOf(name, own) > rankOf(name, wanted))) return null;
  const command = `patronictl edit-config -s ${path.join('.')}=${shown(wanted)}`;
  if (name === 'wal_level') {
    const slots = [...facts.logicalSlots, ...permanentLogicalSlots(now).map((slot) => `${slot}, permanent`)];
    return slots.length > 0
      ? `needed by logical replication slots (${slots.join('; ')}): no member would start with a lower value. Drop them first: ${command}`
      : `set outside pgha, for logical replication. To revert: ${command}`;
  }
  return name === 'synchronous_node_count'
    ? `set outside pgha to more standbys than the configuration requires. To revert: ${command}`
    : `raised outside pgha; a member that needs the higher value would not start with a lower one. To revert: ${command}`;
}

function rankOf(name: string, value: unknown): number {
  if (name === 'wal_level') return walLevels.indexOf(`${value}`);
  if (name === 'track_commit_timestamp') return spelt(value) === 'on' ? 1 : 0;
  return Number(value);
}

function permanentLogicalSlots(now: Settings): readonly string[] {
  const slots = now['slots'];
  return isSettings(slots)
    ? Object.entries(slots).flatMap(([name, slot]) => (isSettings(slot) && slot['type'] === 'logical' ? [name] : []))
    : [];
}

const isParameter = (path: Path) => path.length === 3 && path[0] === 'postgresql' && path[1] === 'parameters';

export const isSettings = (value: unknown): value is Settings =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every value with the way to it. An object in which nothing is, and a permanent slot, is a value. */
function leavesOf(settings: Settings, above: Path = []): readonly { path: Path; value: unknown }[] {
  return Object.entries(settings).flatMap(([key, value]) => {
    const path = [...above, key];
    const isInner = isSettings(value) && Object.keys(value).length > 0 && !(above.length === 1 && above[0] === 'slots');
    return isInner ? leavesOf(value, path) : [{ path, value }];
  });
}

function valueAt(settings: Settings, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (isSettings(value) ? value[key] : undefined), settings);
}

function merged(settings: Settings, [key = '', ...rest]: Path, value: unknown): Settings {
  const inner = settings[key];
  return { ...settings, [key]: rest.length === 0 ? value : merged(isSettings(inner) ? inner : {}, rest, value) };
}

/** Patroni takes numbers for texts and either for booleans. */
const isSame = (one: unknown, other: unknown) =>
  isDeepStrictEqual(one, other) || (!isSettings(one) && !isSettings(other) && spelt(one) === spelt(other));

const spellings: Readonly<Record<string, string>> = { true: 'on', yes: 'on', false: 'off', no: 'off' };

function spelt(value: unknown): string {
  if (typeof value === 'object') return JSON.stringify(value);
  const text = `${value}`.toLowerCase();
  return spellings[text] ?? text;
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
