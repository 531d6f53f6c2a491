import { type Cluster, regionsOf } from '@pgha/infra/cluster';
import { standbySlotOf } from '@pgha/infra/machines';
import { toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';
import { duration } from './holders-findings.ts';
import type { ClusterObservation } from './observe.ts';
import { thresholdOf } from './thresholds.ts';

/** Slots that keep nothing any more, and slots whose absent standby holds vacuum back; of servers that others stream from. */
export function slotFindings(seen: ClusterObservation): readonly Finding[] {
  return [...invalidatedSlots(seen), ...absentStandbys(seen)];
}

function invalidatedSlots({ cluster, machines }: ClusterObservation): readonly Finding[] {
  return machines.flatMap(({ node, seen: machine }) => {
    const database = toldOf(machine?.database);
    if (database === null || database.inRecovery) return [];
    return database.slots
      .filter(({ walStatus }) => walStatus === 'lost')
      .map(({ name, active }) => ({
        what: `${node.name}: replication slot ${name} is invalidated (wal_status = lost) ${active ? 'and in use: it retains no WAL for its standby' : 'and retains no WAL'}`,
        remedy: remedyOf(cluster, name, active),
        alert: 'SlotInvalidated',
      }));
  });
}

function remedyOf(cluster: Cluster, slot: string, active: boolean): string {
  if (!isStandbySlot(cluster, slot)) return 'reinitialize its member, which recreates the slot: pgha nodes reinit';
  return active
    ? 'recreate the slot: pgha dr rejoin'
    : 'rebuild the standby region and recreate the slot: pgha dr rejoin --rebuild';
}

function absentStandbys({ cluster, machines }: ClusterObservation): readonly Finding[] {
  const alert = 'InactiveSlotHoldsXmin';
  return machines.flatMap(({ node, seen: machine }) =>
    (toldOf(machine?.holders)?.slots ?? [])
      .filter(({ walStatus }) => walStatus !== 'lost')
      .flatMap(({ name, xidAge, inactiveSeconds }) =>
        xidAge === null || inactiveSeconds === null || inactiveSeconds <= thresholdOf(cluster, alert)
          ? []
          : [
              {
                what: `${node.name}: replication slot ${name} has been inactive for ${duration(inactiveSeconds)} and holds back vacuum (its xmin is ${xidAge} transactions old)`,
                remedy: `start the standby that uses it. If that takes long: select pg_drop_replication_slot('${name}') on ${node.name}, Patroni recreates it without the xmin, and the standby catches up from the archive`,
                alert,
              },
            ],
      ),
  );
}

/** By such a one the acting region keeps WAL for the other one, whichever that is. */
const isStandbySlot = (cluster: Cluster, slot: string) =>
  regionsOf(cluster).some((region) => standbySlotOf(region) === slot);
