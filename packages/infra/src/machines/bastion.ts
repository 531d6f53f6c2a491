import { type Cluster, type Node, nodesOf, peerOf, regionOf } from '../cluster/index.ts';
import { renderNftables } from './config/nftables.ts';
import { type MachinePart, machineFile } from './machine.ts';
import { caCertificate } from './tls.ts';

/** The way in for operators and the way out for machines without a public address. It holds no secret of the database. */
export function bastion(cluster: Cluster, node: Node): MachinePart {
  const region = regionOf(cluster, node);
  const peer = peerOf(cluster, region);
  const monitoring = nodesOf(cluster.primary, 'monitoring')[0];
  const translates = cluster.egress === 'bastion';
  const rules = renderNftables({
    translates,
    insideCidr: region.cidr,
    peerCidrs: peer === null ? [] : [peer.cidr],
    monitoringAddress: monitoring?.address ?? null,
  });
  return {
    packages: ['nftables', 'openssh-server'],
    files: [
      machineFile('/etc/nftables.conf', rules, {
        mode: '0755',
        onChange: [{ unit: 'nftables.service', action: 'reload' }],
      }),
      ...(translates
        ? [
            machineFile('/etc/sysctl.d/61-pgha-nat.conf', forwardingConf, {
              onChange: [{ unit: 'systemd-sysctl.service', action: 'restart' }],
            }),
          ]
        : []),
    ],
    secrets: [caCertificate(cluster)],
    units: [
      { unit: 'nftables.service', state: 'started' },
      { unit: 'ssh.service', state: 'started' },
    ],
  };
}

const forwardingConf = `# packets of the machines behind this one
net.ipv4.ip_forward = 1
`;
