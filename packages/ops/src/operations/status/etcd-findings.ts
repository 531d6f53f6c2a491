import { type Cluster, nodesOf, type Region } from '@pgha/infra/cluster';
import { etcdQuotaBytes } from '@pgha/infra/machines';
import { toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';
import { answering, type ClusterObservation } from './observe.ts';
import { thresholdOf } from './thresholds.ts';

type EtcdView = NonNullable<ReturnType<typeof viewOf>>;

const viewOf = (seen: ClusterObservation, region: Region) =>
  answering(seen, region, ['etcd']).flatMap(({ seen: machine }) => toldOf(machine?.etcd) ?? [])[0];

/** A region's etcd: its quorum, its leader, its alarms. */
export function etcdFindings(seen: ClusterObservation, region: Region): readonly Finding[] {
  const entered = answering(seen, region, ['etcd']);
  const view = viewOf(seen, region);
  const wanted = nodesOf(region, 'etcd').length;
  if (view === undefined) {
    const remedy =
      entered.length <= wanted / 2
        ? 'start its nodes'
        : `check the log: journalctl -u etcd (on ${entered[0]?.node.name}); "took too long" there means a slow disk or CPU`;
    return [
      {
        what: `${region.awsRegion}: etcd is not responding`,
        remedy: `${remedy}; no member can be promoted until etcd responds`,
        alert: 'EtcdQuorumLost',
      },
    ];
  }
  return [
    ...(view.members.length < wanted
      ? [
          {
            what: `${region.awsRegion}: ${view.members.length} of ${wanted} etcd members are healthy`,
            remedy: 'check the log: journalctl -u etcd (on the missing member); another failure loses the quorum',
            alert: 'EtcdMemberDown',
          },
        ]
      : []),
    ...(view.members.some(({ isLeader }) => isLeader)
      ? []
      : [
          {
            what: `${region.awsRegion}: etcd has no leader`,
            remedy: 'check port 2380 between the etcd nodes',
            alert: 'EtcdNoLeader',
          },
        ]),
    ...alarmFindings(region, view),
    ...quotaFindings(seen.cluster, view),
  ];
}

/** Before the alarm: at its quota a member refuses writes. */
function quotaFindings(cluster: Cluster, { members }: EtcdView): readonly Finding[] {
  return members
    .filter(({ databaseBytes }) => databaseBytes / etcdQuotaBytes > thresholdOf(cluster, 'EtcdDatabaseQuotaNear'))
    .map(({ endpoint, databaseBytes }) => ({
      what: `etcd on ${hostOf(endpoint)}: the database uses ${Math.round((databaseBytes / etcdQuotaBytes) * 100)} % of its quota`,
      remedy: 'on an etcd node: pgha-etcdctl defrag --cluster',
      alert: 'EtcdDatabaseQuotaNear',
    }));
}

/** Alarms stay until they are disarmed, and NOSPACE refuses every write meanwhile, the renewal of the lease among them. */
function alarmFindings(region: Region, { members, alarms }: EtcdView): readonly Finding[] {
  const raised = alarms.flatMap((each) => {
    if (typeof each !== 'string') return [each];
    // an older program cuts "memberID:… alarm:NOSPACE" at white space
    const alarm = /^alarm:(\w+)$/.exec(each)?.[1];
    return alarm === undefined ? [] : [{ member: '', alarm }];
  });
  return [...new Set(raised.map(({ alarm }) => alarm))].map((alarm) => {
    const ids = raised.filter((each) => each.alarm === alarm).map(({ member }) => member);
    const where = members
      .filter(({ id }) => id !== undefined && ids.includes(id))
      .map(({ endpoint }) => hostOf(endpoint));
    return {
      what: `${region.awsRegion}: etcd alarm ${alarm}${where.length === 0 ? '' : ` on ${where.join(', ')}`}`,
      remedy: alarmRemedies[alarm] ?? 'on an etcd node: pgha-etcdctl alarm list; see the etcd documentation',
      alert: 'EtcdAlarm',
    };
  });
}

const alarmRemedies: Readonly<Record<string, string>> = {
  NOSPACE:
    'the database reached its quota and rejects writes. On one etcd node: pgha-etcdctl defrag --cluster, then pgha-etcdctl alarm ' +
    'disarm',
  CORRUPT:
    'a member differs from the others: pgha-etcdctl endpoint status --cluster names the one with another hash or revision; ' +
    'replace it with pgha nodes replace, then pgha-etcdctl alarm disarm',
};

const hostOf = (endpoint: string) => endpoint.replace(/^https?:\/\//, '').replace(/:\d+$/, '');
