import { gzipSync } from 'node:zlib';
import { type Machine, type MachineFile, machineFile } from './machine.ts';
import { programFile } from './program.ts';

/** EC2 refuses user-data above this, counted before base64 (EC2 user guide, "instance user data"). */
export const userDataLimitBytes = 16 * 1024;

/** Where a machine keeps its manifest; `pgha apply` replaces it. */
export const manifestPath = '/var/lib/pgha/machine.json';

const programPath = '/usr/local/sbin/pgha-machine';

/**
 * The program that makes a machine what its manifest says, and the unit that runs it at every boot.
 *
 * Nothing waits for it on a reboot: services are enabled units of their own.
 */
export function machineProgram(): readonly MachineFile[] {
  return [programFile('pgha-machine.py', programPath), machineFile('/etc/systemd/system/pgha-machine.service', unit)];
}

/** What `pgha-machine` reads: the machine as JSON, names of secrets and never their values. */
export function renderManifest(machine: Machine): string {
  const { packages, files, secrets, bootSteps, units } = machine;
  return `${JSON.stringify({ packages, files, secrets, bootSteps, units })}\n`;
}

/**
 * The user-data that turns a bare Debian image into this machine: gzip, as cloud-init accepts it on EC2 and in the lab.
 *
 * @throws when it is above EC2's limit.
 */
export function toUserData(machine: Machine): Buffer {
  const { name, hostname } = machine.node;
  const config = {
    hostname: name,
    fqdn: hostname,
    prefer_fqdn_over_hostname: false,
    manage_etc_hosts: false,
    write_files: [{ path: manifestPath, permissions: '0600', content: renderManifest(machine) }],
    // The program is in the manifest like every other file; this line only lifts it out.
    runcmd: [['python3', '-c', bootstrap, 'install']],
  };
  // Level 9, and no time stamp in the header: the same machine is always the same bytes.
  const bytes = gzipSync(`#cloud-config\n${JSON.stringify(config)}\n`, { level: 9 });
  if (bytes.length > userDataLimitBytes) {
    throw new Error(
      `${name}: the user-data has ${bytes.length} bytes and EC2 takes ${userDataLimitBytes}; move its largest files into the artifact bucket`,
    );
  }
  return bytes;
}

const bootstrap = `import json; exec(next(f["content"] for f in json.load(open("${manifestPath}"))["files"] if f["path"] == "${programPath}"))`;

const unit = `[Unit]
Description=Make this machine what its manifest says
After=network-online.target cloud-init.service
Wants=network-online.target
# A first boot without a mirror or without secrets goes on by itself when they are there.
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${programPath} apply
SyslogIdentifier=pgha-machine
Restart=on-failure
RestartSec=10
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
`;
