import { instanceTypeNamed, type Node, ports } from '../cluster/index.ts';
import { type MachinePart, machineFile, type Site } from './machine.ts';
import { programFile } from './program.ts';

/** The CA of a site's stand-ins for AWS; the file exists only where a site has one. */
export const siteCaFile = '/etc/pgha/site-ca.pem';

/** Installs Debian's newest minor versions; `pgha upgrade minor` says when. */
export const upgradeProgram = '/usr/local/sbin/pgha-upgrade';

/** Machines this small get a swap file: an apt run beside PostgreSQL must not end in the OOM killer. */
const swapBelowMib = 2048;
const swapFileMib = 1024;

/** What every machine has whatever its role: names, time, bounded logs, security updates, a closed SSH door. */
export function operatingSystem(node: Node, site: Site): MachinePart {
  const small = instanceTypeNamed(node.instanceType).memoryMib < swapBelowMib;
  return {
    packages: ['ca-certificates', 'chrony', 'unattended-upgrades'],
    files: [
      machineFile('/etc/hosts', renderHosts(node, site)),
      machineFile('/etc/systemd/journald.conf.d/pgha.conf', journaldConf, {
        onChange: [{ unit: 'systemd-journald.service', action: 'restart' }],
      }),
      machineFile('/etc/apt/apt.conf.d/52pgha', unattendedUpgradesConf),
      programFile('pgha-upgrade.py', upgradeProgram),
      machineFile('/etc/ssh/sshd_config.d/10-pgha.conf', renderSshdConf(node), {
        onChange: [{ unit: 'ssh.service', action: 'reload' }],
      }),
      machineFile('/etc/sysctl.d/60-pgha.conf', sysctlConf, {
        onChange: [{ unit: 'systemd-sysctl.service', action: 'restart' }],
      }),
      ...(site.kind === 'aws' ? [machineFile('/etc/chrony/sources.d/amazon.sources', amazonTime)] : []),
      ...(site.extraCa === null ? [] : [machineFile(siteCaFile, site.extraCa)]),
      ...(small ? [machineFile('/etc/systemd/system/pgha-swap.service', swapUnit)] : []),
    ],
    units: [
      { unit: 'chrony.service', state: 'started' },
      { unit: 'unattended-upgrades.service', state: 'started' },
      { unit: 'apt-daily.timer', state: 'started' },
      { unit: 'apt-daily-upgrade.timer', state: 'started' },
      ...(small ? [{ unit: 'pgha-swap.service', state: 'started' } as const] : []),
    ],
    listens: [{ port: ports.ssh, purpose: 'SSH', from: node.role === 'bastion' ? ['admin'] : ['bastion'] }],
  };
}

/** The machine knows its own name without asking DNS: a resolver that is away must not slow a failover down. */
function renderHosts(self: Node, { hosts }: Site): string {
  const others = Object.entries(hosts).filter(([hostname]) => hostname !== self.hostname);
  return [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    `${self.address} ${self.hostname} ${self.name}`,
    ...others.map(([hostname, address]) => `${address} ${hostname}`),
    '',
  ].join('\n');
}

const journaldConf = `[Journal]
# the journal survives a host failure, which is when it is read
Storage=persistent
SystemMaxUse=200M
SystemKeepFree=1G
MaxRetentionSec=30day
# a service that loops must not push out what explains why
RateLimitIntervalSec=30s
RateLimitBurst=5000
`;

/** Security updates only. What serves the data is named here so that an update never restarts it: `pgha` does, one machine at a time. */
const unattendedUpgradesConf = `#clear Unattended-Upgrade::Origins-Pattern;
Unattended-Upgrade::Origins-Pattern {
  "origin=Debian,codename=\${distro_codename},label=Debian-Security";
  "origin=Debian,codename=\${distro_codename}-security,label=Debian-Security";
};
// patterns are matched from the start of a package's name
Unattended-Upgrade::Package-Blacklist {
  "postgresql";
  "libpq5";
  "patroni";
  "etcd";
  "pgbouncer";
  "pgbackrest";
  "haproxy";
  "prometheus";
};
Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::SyslogEnable "true";
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
`;

/** Keys only. The bastion forwards to the machines behind it; nothing else forwards anything. */
function renderSshdConf(node: Node): string {
  return `PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthenticationMethods publickey
X11Forwarding no
AllowAgentForwarding no
AllowTcpForwarding ${node.role === 'bastion' ? 'local' : 'no'}
PermitTunnel no
MaxAuthTries 3
LoginGraceTime 20
ClientAliveInterval 60
ClientAliveCountMax 3
`;
}

const sysctlConf = `# connections arrive in bursts when a primary comes back
net.core.somaxconn = 4096
net.ipv4.tcp_max_syn_backlog = 4096
# a machine without power answers nothing: an attempt to connect to it ends after seven seconds instead of two minutes, whoever
# makes it; a WAL receiver and pg_rewind have no timeout of their own
net.ipv4.tcp_syn_linear_timeouts = 0
net.ipv4.tcp_syn_retries = 2
# swap is for what sleeps, not for a working set
vm.swappiness = 10
kernel.dmesg_restrict = 1
kernel.kptr_restrict = 2
net.ipv4.conf.all.accept_redirects = 0
net.ipv4.conf.all.send_redirects = 0
net.ipv6.conf.all.accept_redirects = 0
`;

const amazonTime = `# the Amazon Time Sync Service, reachable from every subnet
server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4
`;

const swapUnit = `[Unit]
Description=Swap file
ConditionVirtualization=!container

[Service]
Type=oneshot
RemainAfterExit=yes
# made once; a half-made file is under another name
ExecStartPre=/bin/sh -euc 'test -e /swapfile && exit 0; rm -f /swapfile.new; fallocate -l ${swapFileMib}M /swapfile.new; chmod 0600 /swapfile.new; mkswap /swapfile.new; mv /swapfile.new /swapfile'
ExecStart=/usr/sbin/swapon /swapfile
ExecStop=/usr/sbin/swapoff /swapfile

[Install]
WantedBy=multi-user.target
`;
