import { type MachinePart, machineFile, type Site } from '../machine.ts';
import { programFile } from '../program.ts';
import { dataMount } from './postgresql.ts';

/** PostgreSQL's own volume: it outlives the machine. Where a site has no device, a plain directory. */
export function dataVolume(site: Site): MachinePart {
  const ownership = { name: 'data directory', script: `install -d -o postgres -g postgres -m 0755 ${dataMount}\n` };
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
