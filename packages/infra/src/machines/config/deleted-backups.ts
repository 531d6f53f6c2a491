import type { Cluster } from '../../cluster/index.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { programFile } from '../program.ts';
import { backupInfoUser } from './api-units.ts';
import { confined } from './confinement.ts';
import { figuresTimer, textFolder } from './text-folder.ts';

const name = 'pgha-deleted-backups';
const description = 'Find what was deleted from the repositories although backups need it';

/** Where `pgha status` finds what the last run found. */
export const deletedBackupsFile = `/run/${name}/result.json`;

/** Each run lists a version of every object that backups need: a thousand a request, which S3 charges for. */
const everySeconds = 3600;

/**
 * Lists the versions in the backup buckets and tells what was deleted of backups that exist. It is the API server's: whoever took
 * over a database node, which may delete, must not be able to silence it. It reads names and no backup.
 */
export function deletedBackups(cluster: Cluster): MachinePart {
  const target = cluster.monitoring ? ` ${textFolder}/${name}.prom` : '';
  const figures = cluster.monitoring ? `SupplementaryGroups=prometheus\nReadWritePaths=${textFolder}\n` : '';
  const timer = `${name}.timer`;
  return {
    packages: ['pgbackrest', 'python3-boto3'],
    files: [
      programFile(`${name}.py`, '/usr/local/lib/pgha/deleted-backups'),
      machineFile(`/etc/systemd/system/${name}.service`, renderUnit(target, figures)),
      machineFile(`/etc/systemd/system/${timer}`, figuresTimer(description, everySeconds)),
    ],
    units: [{ unit: timer, state: 'started' }],
  };
}

const renderUnit = (target: string, figures: string) => `[Unit]
Description=${description}
After=pgha-secrets.service network-online.target

[Service]
Type=oneshot
ExecStart=/usr/local/lib/pgha/deleted-backups ${deletedBackupsFile}${target}
User=${backupInfoUser}
RuntimeDirectory=${name}
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
LoadCredential=passphrases:/etc/pgha/secrets/backup_passphrases
LoadCredential=detached:/etc/pgha/secrets/backup_detached
# an unavailable repository has another alert; one that stays unchecked has its own
Restart=on-failure
RestartSec=300
# 1500 requests a repository, at its most
TimeoutStartSec=1800
Nice=10
OOMScoreAdjust=500
${figures}${confined}
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
CapabilityBoundingSet=
`;
