import { type Cluster, ports } from '../../cluster/index.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { programFile } from '../program.ts';
import { caFile } from '../tls.ts';
import { guardProgram, guardUnit, nodeCheck, nodeCheckUnit } from './bundled-units.ts';
import { routerStatusPort } from './haproxy.ts';
import { guardLoginFile, guardPassFile } from './pgbouncer.ts';
import { pgbouncerSocketDirectory } from './postgresql.ts';

/**
 * Two small programs beside the pooler: the guard, which pauses it while there is no primary so that clients wait instead of
 * failing, and the node check, which tells the load balancer whether this node serves.
 */
export function guardAndNodeCheck(cluster: Cluster): MachinePart {
  const settings = JSON.stringify({
    database: cluster.database,
    pooler_socket: pgbouncerSocketDirectory,
    pooler_port: ports.pgbouncer,
    router_port: routerStatusPort,
    check_port: ports.nodeCheck,
    primary: [
      `host=127.0.0.1 port=${ports.routerPrimary} dbname=${cluster.database} application_name=pgha-guard connect_timeout=2`,
      `sslmode=verify-full sslrootcert=${caFile} passfile=${guardPassFile}`,
    ].join(' '),
    login_file: guardLoginFile,
  });
  const units = ['pgha-guard.service', 'pgha-node-check.service'];
  const onChange = units.map((unit) => ({ unit, action: 'restart' as const }));
  return {
    packages: ['python3-psycopg2'],
    files: [
      machineFile('/etc/pgha/guard.json', `${settings}\n`, { onChange }),
      programFile('pgha_pooler.py', '/usr/local/lib/pgha/pgha_pooler.py', { mode: '0644', onChange }),
      programFile('pgha-guard.py', guardProgram, { onChange: onChange.slice(0, 1) }),
      programFile('pgha-node-check.py', nodeCheck, { onChange: onChange.slice(1) }),
      machineFile('/etc/systemd/system/pgha-guard.service', guardUnit, {
        onChange: onChange.slice(0, 1),
        bundledAs: 'pgha-guard.service',
      }),
      machineFile('/etc/systemd/system/pgha-node-check.service', nodeCheckUnit, {
        onChange: onChange.slice(1),
        bundledAs: 'pgha-node-check.service',
      }),
    ],
    units: units.map((unit) => ({ unit, state: 'started' })),
    listens: [{ port: ports.nodeCheck, purpose: "the load balancer's health check", from: ['load-balancer'] }],
  };
}
