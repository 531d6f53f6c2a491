import { type Cluster, loadBalancerListeners, type Node, ports, regionOf } from '../cluster/index.ts';
import {
  backupInfoRepositories,
  backupInfoSysusers,
  backupInfoTimer,
  backupInfoUnit,
  renderServiceSocket,
  renderServiceUnit,
  type Service,
  serviceSecrets,
} from './config/api-units.ts';
import { deletedBackups } from './config/deleted-backups.ts';
import { renderPgbackrestConf, repositoryFiles, repositorySecrets } from './config/pgbackrest.ts';
import { servicesRegion } from './config/services-region.ts';
import { type MachineFile, type MachinePart, machineFile, type Site, type UnitAction } from './machine.ts';
import { siteCaFile } from './operating-system.ts';
import { programFile } from './program.ts';
import { apiKeysParameter, rootSecret, rotatingLoginFiles } from './secrets.ts';
import { caCertificate, caFile, machineCertificate, systemCaFile } from './tls.ts';

/**
 * The layout of the artifact bucket. A release is `tar --zstd` of a folder that mirrors the workspace: `bin/node`,
 * `apps/*`, `packages/*` and `node_modules`. Beside each archive lies its checksum as `sha256sum` prints it.
 */
export const artifacts = {
  prefix: 'api/',
  archiveKey: (version: string) => `api/${version}.tar.zst`,
  checksumKey: (version: string) => `api/${version}.tar.zst.sha256`,
  /** Its text is the version that a new API machine starts with. */
  pointerKey: 'api/current',
} as const;

/** What a release has to contain; a machine refuses one without. */
export const releaseContents = ['bin/node', 'apps/api/src/main.ts', 'apps/read-api/src/main.ts'] as const;

const listenerFor = (purpose: (typeof loadBalancerListeners)[number]['purpose']) =>
  loadBalancerListeners.find((listener) => listener.purpose === purpose)?.port ?? ports.postgres;

const services: readonly Service[] = [
  {
    name: 'api',
    description: 'pgha write API',
    port: ports.api,
    databasePort: listenerFor('read/write'),
    login: 'app',
    hasKeys: true,
  },
  {
    name: 'read-api',
    description: 'pgha read API',
    port: ports.readApi,
    databasePort: listenerFor('read-only'),
    login: 'readonly',
    hasKeys: false,
  },
];

/** The machine of both HTTP services. */
export function apiServer(cluster: Cluster, node: Node, site: Site): readonly MachinePart[] {
  return [servicesRegion(cluster, node, services), bothServices(cluster, node, site), deletedBackups(cluster)];
}

function bothServices(cluster: Cluster, node: Node, site: Site): MachinePart {
  return {
    packages: ['pgbackrest', 'python3-boto3', 'zstd'],
    files: [
      programFile('pgha-serve.sh', '/usr/local/lib/pgha/serve', { onChange: services.map(restartOf) }),
      ...services.flatMap((service) => unitFiles(cluster, node, service)),
      programFile('pgha-deploy.py', '/usr/local/sbin/pgha-deploy'),
      machineFile('/etc/pgha/deploy.json', renderDeployConfig(cluster, node, site)),
      programFile('pgha-backup-info.sh', '/usr/local/lib/pgha/backup-info'),
      machineFile('/etc/pgbackrest/pgbackrest.conf', renderPgbackrestConf(cluster)),
      ...repositoryFiles(cluster, regionOf(cluster, node), site, backupInfoRepositories),
      machineFile('/etc/sysusers.d/pgha-backup-info.conf', backupInfoSysusers),
      machineFile('/etc/systemd/system/pgha-backup-info.service', backupInfoUnit),
      machineFile('/etc/systemd/system/pgha-backup-info.timer', backupInfoTimer),
    ],
    secrets: [
      caCertificate(cluster, services.map(restartOf)),
      ...machineCertificate(cluster, node, 'root', services.map(restartOf)),
      ...services.flatMap((service) => loginSecrets(cluster, service)),
      rootSecret(
        apiKeysParameter(cluster),
        serviceSecrets.keys,
        services.filter(({ hasKeys }) => hasKeys).map(restartOf),
      ),
      ...repositorySecrets(cluster, 'root', []),
    ],
    bootSteps: [{ name: 'release', script: '/usr/local/sbin/pgha-deploy --first >/dev/null' }],
    units: [
      ...services.flatMap(({ name }) => [
        { unit: `pgha-${name}.socket`, state: 'started' as const },
        { unit: `pgha-${name}.service`, state: 'started' as const },
      ]),
      { unit: 'pgha-backup-info.timer', state: 'started' },
    ],
    listens: services.map(({ port, description }) => ({
      port,
      purpose: description,
      from: ['clients', 'monitoring'],
      speaks: 'tls',
    })),
  };
}

const restartOf = ({ name }: Service): UnitAction => ({ unit: `pgha-${name}.service`, action: 'restart' });

function unitFiles(cluster: Cluster, node: Node, service: Service): readonly MachineFile[] {
  const unit = `/etc/systemd/system/pgha-${service.name}`;
  return [
    // a changed socket is not restarted: that would refuse connections, and only the port is ever worth it
    machineFile(`${unit}.socket`, renderServiceSocket(service)),
    machineFile(`${unit}.service`, renderServiceUnit(cluster, node, service), {
      onChange: [restartOf(service)],
    }),
  ];
}

/** At a rotation only which login is in use restarts a service. */
function loginSecrets(cluster: Cluster, service: Service) {
  return rotatingLoginFiles(cluster, service.login, 'root', { onActive: [restartOf(service)] });
}

function renderDeployConfig(cluster: Cluster, node: Node, site: Site): string {
  const config = {
    bucket: site.artifactBucket,
    prefix: artifacts.prefix,
    region: regionOf(cluster, node).awsRegion,
    endpoint: site.s3Endpoint,
    ca: site.extraCa === null ? systemCaFile : siteCaFile,
    contents: releaseContents,
    serviceCa: caFile,
    services: services.map(({ name, port }) => ({
      unit: `pgha-${name}.service`,
      url: `https://${node.hostname}:${port}/health`,
    })),
  };
  return `${JSON.stringify(config, null, 1)}\n`;
}
