import { type Cluster, loginsOf, type Node, nodesOf, ports, regionOf } from '../cluster/index.ts';
import { confined } from './config/confinement.ts';
import { operationLockKey, patroniPrefix } from './etcd-keys.ts';
import { activeLoginFile } from './login-file.ts';
import { type MachinePart, machineFile, type UnitAction } from './machine.ts';
import { programFile } from './program.ts';
import { passwordFile, rotatingLoginFiles } from './secrets.ts';
import { caCertificate, caFile, machineCertificate, tlsFilesOf } from './tls.ts';

/** The etcd role of Patroni's logins. */
const patroniRole = 'patroni';

/** Makes this region's etcd take the passwords of the machine it runs on, which is the first etcd machine. */
export const etcdAuthProgram = '/usr/local/sbin/pgha-etcd-auth';

const updateUsers: readonly UnitAction[] = [{ unit: 'pgha-etcd-auth.service', action: 'restart' }];

/** Where a member keeps its data; on the machine's root volume. */
export const etcdDataDirectory = '/var/lib/etcd/pgha';

const joinProgram = '/usr/local/sbin/pgha-etcd-join';

/** Where a region's etcd answers clients, in the machines' order. */
function etcdEndpoints(cluster: Cluster, node: Node): readonly string[] {
  return nodesOf(regionOf(cluster, node), 'etcd').map(({ hostname }) => `https://${hostname}:${ports.etcdClient}`);
}

/**
 * An etcd member: TLS with client certificates on both ports, users and a role for one prefix on top of it, because every
 * machine of the cluster has a certificate and only Patroni may move the leader key.
 */
export function etcdMember(cluster: Cluster, node: Node): MachinePart {
  const unit = 'etcd.service';
  const restart: readonly UnitAction[] = [{ unit, action: 'restart' }];
  const isFirst = nodesOf(regionOf(cluster, node), 'etcd')[0]?.name === node.name;
  return {
    packages: ['etcd-client', 'etcd-server'],
    files: [
      machineFile('/etc/default/etcd', renderEtcdEnvironment(cluster, node), { onChange: restart }),
      machineFile('/etc/systemd/system/etcd.service.d/pgha.conf', etcdDropIn, { onChange: restart }),
      machineFile('/etc/pgha/etcdctl.env', renderEtcdctlEnvironment(cluster, node)),
      programFile('pgha-etcd-join.py', joinProgram),
      machineFile('/etc/pgha/etcd-join.json', renderJoinSettings(cluster, node)),
      programFile('pgha-etcdctl.sh', '/usr/local/sbin/pgha-etcdctl'),
      ...(isFirst
        ? [
            programFile('pgha-etcd-auth.py', etcdAuthProgram),
            machineFile('/etc/pgha/etcd-auth.json', etcdAuthSettings, { onChange: updateUsers }),
            machineFile('/etc/systemd/system/pgha-etcd-auth.service', etcdAuthUnit),
          ]
        : []),
    ],
    secrets: [
      // etcd reads certificates at each handshake; the CA only at its start
      caCertificate(cluster, restart),
      ...machineCertificate(cluster, node, 'etcd'),
      ...rotatingLoginFiles(cluster, 'etcd_admin', 'root', { onPassword: isFirst ? updateUsers : [], onActive: [] }),
      ...(isFirst ? loginsOf('etcd_patroni').map((login) => passwordFile(cluster, login, 'root', updateUsers)) : []),
    ],
    units: [
      { unit, state: 'started' },
      ...(isFirst ? [{ unit: 'pgha-etcd-auth.service', state: 'started' } as const] : []),
    ],
    listens: [
      {
        port: ports.etcdClient,
        purpose: 'etcd clients',
        from: ['etcd', 'postgres', 'standby', 'monitoring'],
        speaks: 'tls',
        asksClients: true,
      },
      { port: ports.etcdPeer, purpose: 'etcd members', from: ['etcd'], speaks: 'tls', asksClients: true },
    ],
  };
}

/** Above it etcd takes no writes. */
export const etcdQuotaBytes = 512 * 1024 ** 2;

/** Everything etcd reads from its environment (etcd 3.5, "Configuration options"). */
function renderEtcdEnvironment(cluster: Cluster, node: Node): string {
  const region = regionOf(cluster, node);
  const { certificate, key } = tlsFilesOf('etcd');
  const members = nodesOf(region, 'etcd').map(({ name, hostname }) => `${name}=https://${hostname}:${ports.etcdPeer}`);
  return `ETCD_NAME=${node.name}
ETCD_DATA_DIR=${etcdDataDirectory}

ETCD_LISTEN_CLIENT_URLS=https://${node.address}:${ports.etcdClient},https://127.0.0.1:${ports.etcdClient}
ETCD_ADVERTISE_CLIENT_URLS=https://${node.hostname}:${ports.etcdClient}
ETCD_LISTEN_PEER_URLS=https://${node.address}:${ports.etcdPeer}
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://${node.hostname}:${ports.etcdPeer}

# read only by a member without data, and only where pgha-etcd-join does not know better; the token keeps two clusters of one address range apart
ETCD_INITIAL_CLUSTER=${members.join(',')}
ETCD_INITIAL_CLUSTER_STATE=new
ETCD_INITIAL_CLUSTER_TOKEN=${cluster.project}-${cluster.environment}-${region.awsRegion}
ETCD_STRICT_RECONFIG_CHECK=true

ETCD_CERT_FILE=${certificate}
ETCD_KEY_FILE=${key}
ETCD_TRUSTED_CA_FILE=${caFile}
ETCD_CLIENT_CERT_AUTH=true
ETCD_PEER_CERT_FILE=${certificate}
ETCD_PEER_KEY_FILE=${key}
ETCD_PEER_TRUSTED_CA_FILE=${caFile}
ETCD_PEER_CLIENT_CERT_AUTH=true
ETCD_TLS_MIN_VERSION=TLS1.3

# Patroni rewrites a few keys for ever: an hour of history is plenty, and the quota is never near on a small machine
ETCD_AUTO_COMPACTION_MODE=periodic
ETCD_AUTO_COMPACTION_RETENTION=1h
ETCD_QUOTA_BACKEND_BYTES=${etcdQuotaBytes}
# entries kept in memory for a slow follower: the default of 100000 is made for machines with more than 1 GiB
ETCD_SNAPSHOT_COUNT=10000
# a member whose data differs from the others' must not serve it (etcd 3.5, "Data corruption")
ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK=true
`;
}

/** How a member without data finds out whether it founds the cluster or joins it. */
function renderJoinSettings(cluster: Cluster, node: Node): string {
  const { certificate, key } = tlsFilesOf('etcd');
  const own = `https://${node.hostname}`;
  const settings = {
    name: node.name,
    peer_url: `${own}:${ports.etcdPeer}`,
    others: etcdEndpoints(cluster, node).filter((endpoint) => !endpoint.startsWith(`${own}:`)),
    data: etcdDataDirectory,
    ca: caFile,
    certificate,
    key,
  };
  return `${JSON.stringify(settings, null, 1)}\n`;
}

/** Debian's unit gives up after a clean exit or a failed start; a member must come back by itself. */
const etcdDropIn = `[Unit]
After=pgha-secrets.service
StartLimitIntervalSec=0

[Service]
RuntimeDirectory=pgha-etcd
ExecStartPre=${joinProgram}
EnvironmentFile=-/run/pgha-etcd/join.env
Restart=always
RestartSec=2
StateDirectory=etcd
StateDirectoryMode=0700
# the last process to lose its memory on the machine
OOMScoreAdjust=-900
${confined}
RestrictNamespaces=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
CapabilityBoundingSet=
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
`;

function renderEtcdctlEnvironment(cluster: Cluster, node: Node): string {
  const { certificate, key } = tlsFilesOf('etcd');
  return `ETCDCTL_ENDPOINTS=${etcdEndpoints(cluster, node).join(',')}
ETCDCTL_CACERT=${caFile}
ETCDCTL_CERT=${certificate}
ETCDCTL_KEY=${key}
`;
}

const etcdAuthSettings = `${JSON.stringify(
  {
    active: activeLoginFile('etcd_admin').split('/').at(-1),
    administrators: loginsOf('etcd_admin'),
    users: loginsOf('etcd_patroni'),
    role: patroniRole,
    prefix: patroniPrefix,
    readable: [operationLockKey],
  },
  null,
  1,
)}\n`;

const etcdAuthUnit = `[Unit]
Description=Update etcd's users and their passwords
After=etcd.service pgha-secrets.service
Wants=etcd.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${etcdAuthProgram}
# the other members may still be booting
Restart=on-failure
RestartSec=5
# above thirty tries of etcdctl's 5 s each
TimeoutStartSec=240

[Install]
WantedBy=multi-user.target
`;
