import { type MachinePart, machineFile, type Site } from '../machine.ts';
import { programFile } from '../program.ts';
import { dataDirectory, dataMount } from './postgresql.ts';

/** PostgreSQL's own volume: it outlives the machine. Where a site has no device, a plain directory. */
export function dataVolume(site: Site): MachinePart {
  const ownership = { name: 'data directory', script: ownershipScript };
  if (site.dataDevice === null) return { bootSteps: [ownership] };
  return {
    // the rule that gives an EBS volume the name it was attached by
    packages: ['amazon-ec2-utils', 'e2fsprogs'],
    files: [
      programFile('make-file-system.sh', '/usr/local/lib/pgha/make-file-system'),
      machineFile('/etc/systemd/system/var-lib-postgresql.mount', renderMount(site.dataDevice)),
    ],
    bootSteps: [
      {
        name: 'data volume',
        script: `/usr/local/lib/pgha/make-file-system ${site.dataDevice}
systemctl enable var-lib-postgresql.mount
systemctl start var-lib-postgresql.mount
`,
      },
      ownership,
    ],
  };
}

/**
 * The volume of a machine that was replaced has the number its postgres user had, and the new machine's may have another:
 * Debian counts system users up in the order of installation. `chown` does a folder after what is in it, so that a run that was
 * cut off is seen and repeated.
 */
const ownershipScript = `install -d -o postgres -g postgres -m 0755 ${dataMount}
if [ -d ${dataDirectory} ] && [ "$(stat --format=%U:%G ${dataDirectory})" != postgres:postgres ]; then
  chown --recursive postgres:postgres ${dataMount}
fi
`;

const renderMount = (device: string) => `[Unit]
Description=PostgreSQL's data volume
# Patroni requires this mount: without it, it would find an empty directory and make a new cluster in it.

[Mount]
What=${device}
Where=${dataMount}
Type=ext4
Options=noatime

[Install]
WantedBy=multi-user.target
`;
