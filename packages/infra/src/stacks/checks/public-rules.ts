import { identityRules } from './identity.ts';
import { machineRules } from './machines.ts';
import { networkRules } from './network.ts';
import type { Rule } from './rule.ts';
import { storageRules } from './storage.ts';

/**
 * The public rules that are followed. Not followed, on purpose: CKV_AWS_126 (metrics each minute: the machines' own exporter
 * has them every ten seconds), CKV_AWS_91 (a network load balancer logs TLS listeners only, and ours pass TLS through),
 * CKV_AWS_18 and CKV2_AWS_62 (access logs and events of buckets: CloudTrail's data events are an account's decision),
 * CKV_AWS_144 (replication: the second region has a repository of its own), CKV_AWS_338 (a year of logs: 30 days are kept),
 * CKV2_AWS_9 (AWS Backup of volumes: pgBackRest restores to any second, a volume's snapshot does not).
 */
export const publicRules: readonly Rule[] = [...machineRules, ...networkRules, ...storageRules, ...identityRules];
