import { ports } from '../../cluster/index.ts';

/** What the bastion lets through. */
export interface FilterRules {
  /** Whether it is the way out for the machines behind it. */
  translates: boolean;
  /** The machines behind it. */
  insideCidr: string;
  /** The other regions' ranges: reached over the peering, never translated. */
  peerCidrs: readonly string[];
  /** Who may dial its exporter; null: nobody. */
  monitoringAddress: string | null;
}

/**
 * The bastion's packet filter: it is the only way out for machines without a public address, and the only way in for
 * operators. Out go web ports only, because apt, Parameter Store and S3 need no other; names and time come from the VPC.
 */
export function renderNftables({ translates, insideCidr, peerCidrs, monitoringAddress }: FilterRules): string {
  const inside = [insideCidr, ...peerCidrs].join(', ');
  return `#!/usr/sbin/nft -f
flush ruleset

table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname "lo" accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport ${ports.ssh} accept
${monitoringAddress === null ? '' : `    ip saddr ${monitoringAddress} tcp dport ${ports.nodeExporter} accept\n`}  }

  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
${translates ? forwarded(insideCidr, inside) : ''}  }
}
${translates ? translation(insideCidr, inside) : ''}`;
}

const forwarded = (insideCidr: string, inside: string) => `\
    # link-local holds the metadata service: this machine's own credentials must not be had through it
    ip saddr ${insideCidr} ip daddr != { ${inside}, 169.254.0.0/16 } tcp dport { 80, 443 } accept
`;

const translation = (insideCidr: string, inside: string) => `
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${insideCidr} ip daddr != { ${inside} } masquerade
  }
}
`;
