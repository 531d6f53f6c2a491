import type { Host } from '../hosts/host.ts';
import { waitUntil } from '../wait-until.ts';
import { query } from './psql.ts';

/** Patroni looks at its slots once a round; a receiver that held the slot tries again meanwhile. */
const recreatedWithinMs = 60_000;

/** The slot of a member on the leader of its region (patroni/dcs/__init__.py of 4.0.7, `slot_name_from_member_name`). */
export function memberSlotOf(member: string): string {
  return member.toLowerCase().replace(/[-.]/g, '_');
}

/** Whether PostgreSQL has invalidated the slot: it keeps no WAL any more, and nothing but its end changes that. */
export async function isSlotInvalidated(host: Host, slot: string): Promise<boolean> {
  return (await walStatusOf(host, slot)) === 'lost';
}

/**
 * Drops an invalidated slot, from under a receiver that still uses it if need be, and returns once Patroni has created it again.
 * Nothing is lost by it: such a slot keeps nothing.
 */
export async function recreateInvalidatedSlot(host: Host, slot: string, signal: AbortSignal): Promise<void> {
  await waitUntil(
    async () => {
      const state = await walStatusOf(host, slot);
      if (state === 'lost') {
        await query(host, `select pg_terminate_backend(active_pid, 5000) ${invalidated(slot)} and active`);
        await query(host, `select pg_drop_replication_slot(slot_name) ${invalidated(slot)} and not active`);
      }
      return state !== null && state !== 'lost';
    },
    { what: `Patroni to recreate the replication slot ${slot}`, timeoutMs: recreatedWithinMs, everyMs: 500, signal },
  );
}

const state = `case when invalidation_reason is null then wal_status else 'lost' end`;
const invalidated = (slot: string) =>
  `from pg_replication_slots where slot_name = '${slot}' and invalidation_reason is not null`;

/** null: there is no such slot. One that is invalidated and in use is told as unreserved by PostgreSQL 17. */
async function walStatusOf(host: Host, slot: string): Promise<string | null> {
  const told = (await query(host, `select ${state} from pg_replication_slots where slot_name = '${slot}'`)).trim();
  return told === '' ? null : told;
}
