import { type Cluster, type Login, loginsOf, ports, type RotatingLogin } from '../../cluster/index.ts';
import { type MachinePart, machineFile, type UnitAction } from '../machine.ts';
import { programFile } from '../program.ts';
import { passwordFile } from '../secrets.ts';
import { databaseRolesProgram, databaseRolesUnit } from './bundled-units.ts';
import { patroniSecretsFile, pgbouncerSocketDirectory } from './postgresql.ts';

const unit = 'pgha-database-roles.service';
/** What a changed password asks for before anything else uses it. */
export const updateRoles: readonly UnitAction[] = [{ unit, action: 'restart' }];

/** Roles of the database whose two logins alternate; etcd has the others. */
export const databaseRotatingLogins = [
  'app',
  'readonly',
  'pgbouncer_auth',
  'replication',
  'rewind',
] as const satisfies readonly RotatingLogin[];

/** The owner of the application's objects; every other login is called in the database as its password's parameter is. */
export const ownerRole = 'pgha_owner';

/**
 * The database's roles, their passwords, and the schemas the machines themselves use. Made once when the region is first
 * started, and brought up to date on the primary whenever a password's file or its statements change.
 */
export function databaseRoles(cluster: Cluster): MachinePart {
  const file = (login: Login) => `/etc/pgha/secrets/${login}`;
  const settings = {
    database: cluster.database,
    owner: ownerRole,
    passwords: {
      [ownerRole]: file('owner'),
      ...Object.fromEntries(databaseRotatingLogins.flatMap(loginsOf).map((login) => [login, file(login)])),
    },
    patroniSecrets: patroniSecretsFile,
    poolerSocket: pgbouncerSocketDirectory,
    poolerPort: ports.pgbouncer,
  };
  return {
    files: [
      programFile('pgha-database-roles.py', databaseRolesProgram),
      programFile('database-roles.sql', '/usr/local/lib/pgha/database-roles.sql', {
        mode: '0644',
        onChange: updateRoles,
      }),
      machineFile('/etc/pgha/database-roles.json', `${JSON.stringify(settings, null, 1)}\n`, { onChange: updateRoles }),
      machineFile(`/etc/systemd/system/${unit}`, databaseRolesUnit, { bundledAs: unit }),
      machineFile('/etc/systemd/system/pgha-heartbeat.service', heartbeatUnit(cluster), {
        onChange: [{ unit: 'pgha-heartbeat.service', action: 'restart' }],
      }),
      programFile('heartbeat.sql', '/usr/local/lib/pgha/heartbeat.sql', { mode: '0644' }),
    ],
    // The pooler's and Patroni's own passwords are files of theirs.
    secrets: (['owner', 'app_a', 'app_b', 'readonly_a', 'readonly_b'] as const).map((login) =>
      passwordFile(cluster, login, 'postgres', updateRoles),
    ),
    units: [
      { unit, state: 'started' },
      { unit: 'pgha-heartbeat.service', state: 'started' },
    ],
  };
}

/**
 * A commit every five seconds: recovery to a point in time ends at the first commit after it, so without one an idle hour
 * could not be restored to.
 */
function heartbeatUnit(cluster: Cluster): string {
  return `[Unit]
Description=Commit a row every five seconds while this server is the primary
After=patroni.service
StartLimitIntervalSec=0

[Service]
User=postgres
ExecStart=/usr/bin/psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=${cluster.database} --file=/usr/local/lib/pgha/heartbeat.sql
Environment=PGAPPNAME=heartbeat PGCONNECT_TIMEOUT=5
StandardOutput=null
# psql exits with status 2 when no server is running: Patroni decides when there is one
SuccessExitStatus=2
Restart=always
RestartSec=5
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
`;
}
