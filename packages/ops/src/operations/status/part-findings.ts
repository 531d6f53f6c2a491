import { isUntold, type Observation, toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';

type Part = Exclude<keyof Observation, 'machine' | 'at' | 'needsReboot'>;

/** Whose answer each part of an observation is: its name, the unit that has its log, the alert about the same. */
const sources: Readonly<Record<Part, { program: string; unit: string | null; alert?: string }>> = {
  disks: { program: 'the disk usage check', unit: null },
  memory: { program: 'the memory check', unit: null },
  certificates: { program: 'the certificate check', unit: 'pgha-secrets' },
  units: { program: 'systemd', unit: null },
  patroni: { program: 'Patroni', unit: 'patroni', alert: 'PatroniDown' },
  database: { program: 'PostgreSQL', unit: 'patroni', alert: 'PostgresDown' },
  pooler: { program: 'PgBouncer', unit: 'pgbouncer', alert: 'PgBouncerDown' },
  router: { program: 'HAProxy', unit: 'haproxy', alert: 'HAProxyDown' },
  archive: { program: 'the list of detached repositories', unit: 'pgha-secrets' },
  restoreTests: { program: 'the results of the restore tests', unit: null },
  durability: { program: 'the check of durability settings (pgha-durability)', unit: null },
  space: { program: 'the watch of the data volume (pgha-space)', unit: 'pgha-space' },
  etcd: { program: 'etcd', unit: 'etcd', alert: 'EtcdMemberDown' },
  deletions: { program: 'the check for deleted backup objects', unit: 'pgha-deleted-backups' },
  api: { program: 'the check of the HTTP services (pgha-deploy)', unit: 'pgha-api', alert: 'WriteApiDown' },
  health: { program: 'PostgreSQL (health queries)', unit: 'patroni', alert: 'PostgresDown' },
  holders: { program: 'PostgreSQL (transaction queries)', unit: 'patroni', alert: 'PostgresDown' },
  replay: { program: 'the journal of Patroni', unit: 'patroni' },
  reach: { program: "the check of the other members' ports (pgha-reach)", unit: null },
  watching: { program: 'the check of the monitoring (pgha-watching)', unit: null },
  region: { program: 'the region epoch service (pgha-region)', unit: 'pgha-region' },
};

/** Parts of a machine that were not told: whose answer is missing, and where the reason is. */
export function partFindings(machine: Observation): readonly Finding[] {
  const name = machine.machine;
  const down = toldOf(machine.units)?.down ?? [];
  return (Object.keys(sources) as Part[]).flatMap((part) => {
    const told = machine[part];
    if (!isUntold(told)) return [];
    const { program, unit, alert } = sources[part];
    // the same server, asked twice
    if (part === 'health' && isUntold(machine.database)) return [];
    // that it does not run is said of the unit
    if (unit !== null && down.includes(`${unit}.service`)) return [];
    return [
      {
        what: `${name}: ${program} is not responding: ${told.error}`,
        remedy: remedyFor(name, unit),
        ...(alert === undefined ? {} : { alert }),
      },
    ];
  });
}

const remedyFor = (name: string, unit: string | null) =>
  unit === null
    ? `run pgha-observe on ${name} to reproduce it; if the node runs an older release: pgha apply`
    : `on ${name}: systemctl status ${unit}; journalctl -u ${unit}`;
