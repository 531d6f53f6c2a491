import {
  type Cluster,
  instanceTypeNamed,
  type Node,
  ports,
  regionOf,
  regionsOf,
  type Weekday,
} from '../../cluster/index.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { programFile } from '../program.ts';
import { caFile } from '../tls.ts';
import { archiveGetProgram, repositoryNumber } from './pgbackrest.ts';
import { binDirectory, dataDirectory, dataMount } from './postgresql.ts';

/** Servers restored beside a member, for somebody who wants to see what was there at a moment. */
export const scratchProgram = '/usr/local/lib/pgha/scratch';
/** One member's part of a restore of the whole cluster. */
export const restoreInPlaceProgram = '/usr/local/lib/pgha/restore-in-place';
/** The clock of a machine, and what a repository holds, with the history of its timelines. */
export const repositoryProgram = '/usr/local/lib/pgha/repository';
/** Restores the newest backup, and compares it with the primary. */
export const restoreTestProgram = '/usr/local/lib/pgha/restore-test';
/** Sees a segment arrive in one repository. */
export const checkProgram = '/usr/local/lib/pgha/check-repository';
const verifyProgram = '/usr/local/lib/pgha/verify-repository';

/** Where what a repository's verification said is left. */
export const verifyReport = (repository: number) => `/run/pgha-verify/repository-${repository}`;

/** Where the results of the restore tests are, which outlive a reboot. */
export const restoreTestResults = '/var/lib/pgha-restore-test';
const scratchFolder = `${dataMount}/scratch`;

/** What brings data back: beside a member, in place, or weekly to see whether it can be. */
export function restoring(cluster: Cluster, node: Node): MachinePart {
  const timer = 'pgha-restore-test.timer';
  const figuresTimer = 'pgha-restore-figures.timer';
  return {
    packages: ['pgbackrest', 'postgresql-17', 'python3-psycopg2'],
    files: [
      machineFile('/etc/tmpfiles.d/pgha-restore.conf', `d ${restoreTestResults} 0755 postgres postgres -\n`),
      machineFile('/etc/pgha/restore.json', `${JSON.stringify(settingsOf(cluster, node), null, 1)}\n`),
      programFile('pgha_scratch.py', '/usr/local/lib/pgha/pgha_scratch.py', { mode: '0644' }),
      programFile('pgha_tables.py', '/usr/local/lib/pgha/pgha_tables.py', { mode: '0644' }),
      programFile('pgha_copy.py', '/usr/local/lib/pgha/pgha_copy.py', { mode: '0644' }),
      programFile('pgha_copy_plan.py', '/usr/local/lib/pgha/pgha_copy_plan.py', { mode: '0644' }),
      programFile('pgha-scratch.py', scratchProgram),
      programFile('pgha-repository.py', repositoryProgram),
      programFile('pgha-restore-in-place.py', restoreInPlaceProgram),
      programFile('pgha-restore-test.py', restoreTestProgram),
      programFile('pgha-check-repository.sh', checkProgram),
      programFile('pgha-verify-repository.sh', verifyProgram),
      machineFile('/etc/systemd/system/pgha-scratch@.service', renderScratchUnit(node)),
      machineFile('/etc/systemd/system/pgha-verify@.service', renderVerifyUnit(node)),
      machineFile('/etc/systemd/system/pgha-restore-test@.service', renderTestUnit(cluster, node)),
      machineFile(`/etc/systemd/system/${timer}`, renderTestTimer(cluster), {
        onChange: [{ unit: timer, action: 'restart' }],
      }),
      ...(cluster.monitoring
        ? [
            machineFile('/etc/systemd/system/pgha-restore-figures.service', figuresUnit),
            machineFile(`/etc/systemd/system/${figuresTimer}`, figuresTimerUnit),
          ]
        : []),
    ],
    units: [
      { unit: timer, state: 'started' },
      ...(cluster.monitoring ? [{ unit: figuresTimer, state: 'started' as const }] : []),
    ],
  };
}

function settingsOf(cluster: Cluster, node: Node): Record<string, unknown> {
  const region = regionOf(cluster, node);
  const nearestFirst = [region, ...regionsOf(cluster).filter(({ kind }) => kind !== region.kind)];
  return {
    machine: node.name,
    stanza: cluster.scope,
    database: cluster.database,
    repositories: nearestFirst.map(repositoryNumber),
    dataMount,
    dataDirectory,
    binDirectory,
    scratch: scratchFolder,
    kept: `${dataMount}/kept`,
    archiveGet: archiveGetProgram,
    sharedBuffersMib: Math.max(32, Math.floor(instanceTypeNamed(node.instanceType).memoryMib / 64)),
    ca: caFile,
    patroni: `https://${node.hostname}:${ports.patroni}/cluster`,
    // the primary, by way of this machine's router
    owner: {
      connection: [
        `host=127.0.0.1 port=${ports.routerPrimary} dbname=${cluster.database} user=pgha_owner connect_timeout=5`,
        `sslmode=verify-full sslrootcert=${caFile}`,
      ].join(' '),
      passwordFile: '/etc/pgha/secrets/owner',
    },
  };
}

/**
 * The member and its clients come first: a quarter of the machine's memory, the last turn at the CPU and the disk, and the first
 * to be killed when memory runs out.
 */
function besides(node: Node): string {
  const { memoryMib } = instanceTypeNamed(node.instanceType);
  return `User=postgres
MemoryMax=${Math.max(192, Math.floor(memoryMib / 4))}M
MemorySwapMax=512M
OOMScoreAdjust=900
Nice=15
CPUWeight=20
IOWeight=20
IOSchedulingClass=idle
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
`;
}

const renderScratchUnit = (node: Node) => `[Unit]
Description=Scratch instance restored from a backup (%i)

[Service]
ExecStart=${scratchProgram} serve %i
# a fast shutdown
KillSignal=SIGINT
KillMode=mixed
TimeoutStopSec=30
ReadWritePaths=${scratchFolder}
${besides(node)}`;

const renderVerifyUnit = (node: Node) => `[Unit]
Description=Verify a backup repository (%i)

[Service]
Type=oneshot
ExecStart=${verifyProgram} %i
RuntimeDirectory=pgha-verify
RuntimeDirectoryPreserve=yes
${besides(node)}`;

function renderTestUnit(cluster: Cluster, node: Node): string {
  return `[Unit]
Description=Restore test: restore the newest backup and compare it with the primary (%i)
After=patroni.service

[Service]
Type=oneshot
ExecStart=${restoreTestProgram} restore %i
ExecStart=${restoreTestProgram} compare
ExecStopPost=${restoreTestProgram} clean
${cluster.monitoring ? `# the node exporter's folder is root's\nExecStopPost=+${restoreTestProgram} figures\n` : ''}RuntimeDirectory=pgha-restore-test
# the one who asked reads there how it ended
RuntimeDirectoryPreserve=yes
ReadWritePaths=${dataMount} ${restoreTestResults}
${besides(node)}`;
}

const weekdays: readonly Weekday[] = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Every week, a day and three hours behind the full backup; on every machine, at the same second: one of them does it. */
function renderTestTimer({ backups: plan }: Cluster): string {
  const [hour = '0', minute = '00'] = plan.atUtc.split(':');
  const later = Number(hour) + 3;
  const day = weekdays[(weekdays.indexOf(plan.fullOn) + 1 + Math.floor(later / 24)) % 7];
  return `[Unit]
Description=Weekly restore test

[Timer]
OnCalendar=${day} *-*-* ${String(later % 24).padStart(2, '0')}:${minute}:00 UTC
AccuracySec=1s
Unit=pgha-restore-test@auto.service

[Install]
WantedBy=timers.target
`;
}

const figuresUnit = `[Unit]
Description=Export the result of the last restore test

[Service]
Type=oneshot
ExecStart=${restoreTestProgram} figures
ProtectSystem=strict
ReadWritePaths=/run/pgha-metrics ${restoreTestResults}
ProtectHome=yes
PrivateTmp=yes
PrivateNetwork=yes
NoNewPrivileges=yes
# the result is the system user's that runs the test
CapabilityBoundingSet=CAP_DAC_OVERRIDE
`;

const figuresTimerUnit = `[Unit]
Description=Export the result of the last restore test

[Timer]
OnBootSec=30
OnUnitActiveSec=1h

[Install]
WantedBy=timers.target
`;
