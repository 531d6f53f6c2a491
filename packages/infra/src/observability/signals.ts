import type { Cluster } from '../cluster/index.ts';
import type { Signal } from './signal.ts';
import { backupSignals } from './signals/backups.ts';
import { connectionSignals } from './signals/connections.ts';
import { databaseSignals } from './signals/database.ts';
import { durabilitySignals } from './signals/durability.ts';
import { etcdSignals } from './signals/etcd.ts';
import { healthSignals } from './signals/health.ts';
import { holderSignals } from './signals/holders.ts';
import { machineSignals } from './signals/machines.ts';
import { monitoringSignals } from './signals/monitoring.ts';
import { poolSignals } from './signals/pools.ts';
import { regionSignals } from './signals/regions.ts';
import { serviceSignals } from './signals/service.ts';

/** Everything that is watched in a cluster; what it does not have is not in it. */
export function signalsOf(cluster: Cluster): readonly Signal[] {
  return [
    ...serviceSignals,
    ...databaseSignals(cluster),
    ...durabilitySignals,
    ...holderSignals,
    ...regionSignals(cluster),
    ...connectionSignals,
    ...poolSignals(cluster),
    ...healthSignals,
    ...etcdSignals,
    ...backupSignals(cluster),
    ...machineSignals,
    ...monitoringSignals,
  ];
}
