import { isUntold, type Observation, toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';

type Part = Exclude<keyof Observation, 'machine' | 'at' | 'needsReboot'>;

/** Whose answer each part of an observation is: its name, the unit that has its log, the alert about the same. */
const sources: Readonly<Record<Part, { program: string; unit: string | null; alert?: string }>> = {
  disks: { program: 'the file systems', unit: null },
  memory: { program: 'the kernel', unit: null },
  certificates: { program: 'the certificates', unit: 'pgha-secrets' },
  units: { program: 'systemd', unit: null },
  patroni: { program: 'Patroni', unit: 'patroni', alert: 'PatroniDown' },
  database: { program: 'PostgreSQL', unit: 'patroni', alert: 'PostgresDown' },
  pooler: { program: 'PgBouncer', unit: 'pgbouncer', alert: 'PoolerDown' },
  router: { program: 'HAProxy', unit: 'haproxy', alert: 'RouterDown' },
  archive: { program: 'the list of detached repositories', unit: 'pgha-secrets' },
  restoreTests: { program: 'the results of the restore tests', unit: null },
  durability: { program: 'the check of durability settings (pgha-durability)', unit: null },
  space: { program: 'the watch of the data volume (pgha-space)', unit: 'pgha-space' },
  etcd: { program: 'etcd', unit: 'etcd', alert: 'EtcdMemberDown' },
  api: { program: 'the services', unit: 'pgha-api', alert: 'WriteApiDown' },
  health: { program: 'PostgreSQL (its health)', unit: 'patroni', alert: 'PostgresDown' },
  holders: { program: 'PostgreSQL (what holds it back)', unit: 'patroni', alert: 'PostgresDown' },
  replay: { program: 'the journal of Patroni', unit: 'patroni' },
  reach: { program: "the check of the other members' ports (pgha-reach)", unit: null },
  watching: { program: 'the check of the monitoring (pgha-watching)', unit: null },
  region: { program: 'the region program (pgha-region)', unit: 'pgha-region' },
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
        what: `${program} on ${name} does not answer: ${told.error}`,
        remedy: remedyFor(name, unit),
        ...(alert === undefined ? {} : { alert }),
      },
    ];
  });
}

const remedyFor = (name: string, unit: string | null) =>
  unit === null
    ? `pgha-observe on ${name} shows it again; pgha apply brings a program that is older than this pgha up to date`
    : `systemctl status ${unit} and journalctl -u ${unit} on ${name}`;
