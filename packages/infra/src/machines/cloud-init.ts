import { gzipSync } from 'node:zlib';
import type { Cluster } from '../cluster/index.ts';
import { type Machine, type MachineFile, machineFile, type Site } from './machine.ts';
import { programBundle, programFile } from './program.ts';
import { agentUrl } from './systems-manager.ts';
import { systemCaFile } from './tls.ts';

/** EC2 refuses user-data above this, counted before base64 (EC2 user guide, "instance user data"). */
export const userDataLimitBytes = 16 * 1024;

/** Where a machine keeps its manifest; `pgha apply` replaces it. */
export const manifestPath = '/var/lib/pgha/machine.json';

/** Where the site's CA is before the manifest's own files are: the programs are fetched with it. */
const bootstrapCaFile = '/var/lib/pgha/site-ca.pem';

const bootstrap = programFile('pgha-bootstrap.py', '/usr/local/sbin/pgha-bootstrap');

/**
 * The program that makes a machine what its manifest says, and the unit that runs it at every boot.
 *
 * Nothing waits for it on a reboot: services are enabled units of their own.
 */
export function machineProgram(): readonly MachineFile[] {
  return [bootstrap, programFile('pgha-machine.py', '/usr/local/sbin/pgha-machine'), unit];
}

/** What `pgha-machine` reads: the machine as JSON, names of secrets and never their values. */
export function renderManifest({ packages, files, secrets, bootSteps, units }: Machine): string {
  return `${JSON.stringify({ packages, files, secrets, bootSteps, units })}\n`;
}

/**
 * The user-data that turns a bare Debian image into this machine: gzip, as cloud-init accepts it on EC2 and in the lab. It
 * carries everything that is this machine's own; programs and large texts come from the artifact bucket, see `programBundle`.
 *
 * @param awsRegion the machine's region, whose artifact bucket the site names.
 * @throws when it is above EC2's limit.
 */
export function toUserData(cluster: Cluster, machine: Machine, site: Site, awsRegion: string): Buffer {
  const { name, hostname } = machine.node;
  const { key, sha256 } = programBundle(cluster);
  const manifest = {
    packages: machine.packages,
    files: machine.files.map(({ content, bundledAs, program = bundledAs, ...file }) =>
      program === undefined ? { ...file, content } : { ...file, program },
    ),
    secrets: machine.secrets,
    bootSteps: machine.bootSteps,
    units: machine.units,
    // a node without the agent is unreachable, and could not say why its programs are missing
    ...(site.kind === 'aws' ? { agent: agentUrl(awsRegion) } : {}),
    programs: {
      bucket: site.artifactBucket,
      key,
      sha256,
      region: awsRegion,
      endpoint: site.s3Endpoint,
      ca: site.extraCa === null ? systemCaFile : bootstrapCaFile,
    },
  };
  const config = {
    hostname: name,
    fqdn: hostname,
    prefer_fqdn_over_hostname: false,
    manage_etc_hosts: false,
    write_files: [
      { path: bootstrap.path, permissions: bootstrap.mode, content: bootstrap.content },
      { path: unit.path, permissions: unit.mode, content: unit.content },
      ...(site.extraCa === null ? [] : [{ path: bootstrapCaFile, content: site.extraCa }]),
      // The programs are fetched before the manifest's own /etc/hosts is written.
      ...machine.files.filter(({ path }) => path === '/etc/hosts').map(({ path, content }) => ({ path, content })),
      // Last: gzip looks back 32 KiB, and what the others repeat of it stands in its beginning.
      { path: manifestPath, permissions: '0600', content: `${JSON.stringify(manifest)}\n` },
    ],
    // enabling a unit makes systemd read its file
    runcmd: [['systemctl', 'enable', '--now', '--no-block', 'pgha-machine.service']],
  };
  // Level 9, and no time stamp in the header: the same machine is always the same bytes.
  const bytes = gzipSync(`#cloud-config\n${JSON.stringify(config)}\n`, { level: 9 });
  if (bytes.length > userDataLimitBytes) {
    throw new Error(
      `${name}: the user-data has ${bytes.length} bytes and EC2 takes ${userDataLimitBytes}; have the bundle carry its largest files`,
    );
  }
  return bytes;
}

const unit = machineFile(
  '/etc/systemd/system/pgha-machine.service',
  `[Unit]
Description=Apply this node's manifest
After=network-online.target cloud-init.service
Wants=network-online.target
# A first boot without a mirror, without S3 or without secrets resumes when they are available.
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStartPre=/usr/local/sbin/pgha-bootstrap
ExecStart=/usr/local/sbin/pgha-machine apply
SyslogIdentifier=pgha-machine
# errors also where "aws ec2 get-console-output" shows them: a machine without an agent has no other way to say what it lacks
StandardError=journal+console
Restart=on-failure
RestartSec=1
RestartSteps=5
RestartMaxDelaySec=10
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
`,
);
