import type { Cluster, Node } from '../cluster/index.ts';
import { dataVolume } from './config/data-volume.ts';
import { databaseExporters } from './config/database-exporters.ts';
import { databaseRoles } from './config/database-roles.ts';
import { diskSpace } from './config/disk-space.ts';
import { durability } from './config/durability.ts';
import { guardAndNodeCheck } from './config/guard.ts';
import { router } from './config/haproxy.ts';
import { patroni } from './config/patroni.ts';
import { pgbackrest } from './config/pgbackrest.ts';
import { pgbouncer } from './config/pgbouncer.ts';
import { regionEpoch } from './config/region.ts';
import { restoring } from './config/restore.ts';
import { databaseFigures } from './exporters.ts';
import type { MachinePart, Site } from './machine.ts';

/**
 * A database machine of either region: PostgreSQL under Patroni, the pooler, the router, the backups, and what watches them.
 * A standby differs only in what its region's dynamic configuration says, so that a promotion changes no machine.
 */
export function databaseServer(cluster: Cluster, node: Node, site: Site): readonly MachinePart[] {
  return [
    dataVolume(site),
    router(cluster, node),
    pgbackrest(cluster, node, site),
    restoring(cluster, node),
    regionEpoch(cluster, node),
    patroni(cluster, node, site),
    databaseRoles(cluster),
    pgbouncer(cluster, node),
    guardAndNodeCheck(cluster),
    databaseExporters(cluster),
    databaseFigures(cluster),
    durability(cluster, node),
    diskSpace(cluster),
  ];
}
