import {
  type Cluster,
  membersOf,
  type Node,
  nodesOf,
  peerOf,
  ports,
  type Region,
  regionOf,
} from '../../cluster/index.ts';
import { activeLoginFile } from '../login-file.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { programFile } from '../program.ts';
import { caFile, tlsFilesOf } from '../tls.ts';
import { confined } from './confinement.ts';
import { patroniRestUser } from './patroni.ts';
import { binDirectory, dataDirectory } from './postgresql.ts';
import { textFolder } from './text-folder.ts';

/** Keeps a region that was given up from coming back by itself, and tells what it knows of both. */
export const regionProgram = '/usr/local/lib/pgha/region';
/** On a standby region's leader: makes the region the acting one. */
export const promoteRegionProgram = '/usr/local/lib/pgha/region-promote';
/** On the acting region's leader: ends its primary so that nothing is lost. */
export const retireRegionProgram = '/usr/local/lib/pgha/region-retire';
/** On the members of a region that was given up: brings their data back to what the acting region has. */
export const rebuildRegionProgram = '/usr/local/lib/pgha/region-rebuild';

/** On a member of the standby region: proves that it can be promoted. */
export const drillProgram = '/usr/local/lib/pgha/drill';

/** The key of a region's dynamic configuration that says how often a region was promoted; absent is 1. Patroni ignores it. */
export const epochKey = 'pgha_region_epoch';

const runtimeDirectory = '/run/pgha-region';
const unit = 'pgha-region.service';

/**
 * The gate before Patroni and the watch beside it (docs/decisions/0011-region-epoch.md). Nothing where there is one region.
 */
export function regionEpoch(cluster: Cluster, node: Node): MachinePart {
  const region = regionOf(cluster, node);
  const peer = peerOf(cluster, region);
  if (peer === null) return {};
  const onChange = [{ unit, action: 'restart' as const }];
  return {
    files: [
      machineFile('/etc/tmpfiles.d/pgha-region.conf', `d ${runtimeDirectory} 0755 postgres postgres -\n`),
      machineFile('/etc/pgha/region.json', renderSettings(cluster, node, region, peer), { onChange }),
      programFile('pgha_region.py', '/usr/local/lib/pgha/pgha_region.py', { mode: '0644', onChange }),
      programFile('pgha_wal.py', '/usr/local/lib/pgha/pgha_wal.py', { mode: '0644' }),
      programFile('pgha-region.py', regionProgram, { onChange }),
      programFile('pgha-region-promote.py', promoteRegionProgram),
      programFile('pgha-region-retire.py', retireRegionProgram),
      programFile('pgha-region-rebuild.py', rebuildRegionProgram),
      programFile('pgha-drill.py', drillProgram),
      // in force at Patroni's next start, as everything of its unit
      machineFile('/etc/systemd/system/patroni.service.d/pgha-region.conf', gateDropIn),
      machineFile(`/etc/systemd/system/${unit}`, renderWatchUnit(cluster), { onChange }),
    ],
    units: [{ unit, state: 'started' }],
  };
}

function renderSettings(cluster: Cluster, node: Node, own: Region, peer: Region): string {
  const { certificate, key } = tlsFilesOf('postgres');
  const reached = ({ name, address, hostname }: Node) => ({ name, address, hostname });
  const etcdOf = (region: Region) => nodesOf(region, 'etcd').map(reached);
  const settings = {
    name: node.name,
    hostname: node.hostname,
    scope: cluster.scope,
    database: cluster.database,
    own: { region: own.awsRegion, etcd: etcdOf(own), members: membersOf(own).map(reached) },
    peer: { region: peer.awsRegion, etcd: etcdOf(peer) },
    etcdPort: ports.etcdClient,
    patroniPort: ports.patroni,
    ca: caFile,
    certificate,
    key,
    // the same in both regions, as every secret
    loginFile: activeLoginFile('etcd_patroni'),
    restUser: patroniRestUser,
    restPasswordFile: '/etc/pgha/secrets/patroni_rest',
    replicationLoginFile: activeLoginFile('replication'),
    dataDirectory,
    binDirectory,
    metrics: cluster.monitoring ? `${textFolder}/pgha-region.prom` : null,
  };
  return `${JSON.stringify(settings, null, 1)}\n`;
}

const gateDropIn = `[Service]
# fails after half a minute in which this region may not start; systemd tries again a second later
ExecStartPre=${regionProgram} gate
TimeoutStartSec=60
`;

const renderWatchUnit = (cluster: Cluster) => `[Unit]
Description=Watch the peer region's epoch, and stop Patroni once this region was failed over from
After=pgha-secrets.service network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
# Patroni's own user, who may end it
User=postgres
${cluster.monitoring ? 'SupplementaryGroups=prometheus\n' : ''}ExecStart=${regionProgram} watch
Restart=always
RestartSec=5
OOMScoreAdjust=-500
${confined}
ReadWritePaths=${runtimeDirectory}${cluster.monitoring ? ` -${textFolder}` : ''}
RestrictAddressFamilies=AF_INET AF_UNIX
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
`;
