import { membersOf, ports, type Region, regionsOf } from '@pgha/infra/cluster';
import { readableLagMib } from '@pgha/infra/machines';
import { toldOf } from '../../clients/observation.ts';
import { hasForeignStandbyNames } from './durability-findings.ts';
import { replayAgeSeconds } from './figures.ts';
import type { Finding } from './finding.ts';
import { overflowedTransaction, waitingStart } from './holders-findings.ts';
import { membersListed, membersSeen, type SeenMember, writersOf } from './members.ts';
import { answering, type ClusterObservation, type MachineObservation } from './observe.ts';
import { replayFailureOf, replayFinding } from './replay-findings.ts';
import { thresholdOf } from './thresholds.ts';

/** What a region's members lack, each with what helps now. */
export function memberFindings(seen: ClusterObservation, region: Region): readonly Finding[] {
  const answers = answering(seen, region, ['postgres', 'standby']).length > 0;
  const members = membersSeen(seen, region) ?? (answers ? [] : null);
  if (members === null)
    return [
      {
        what: `${region.awsRegion}: no member is reachable`,
        remedy: 'start its nodes; the unreachable ones are listed below',
      },
    ];
  return [
    ...membersOf(region).flatMap(({ name }) => memberFinding(seen, region, members, name)),
    ...regionFindings(seen, region, members),
    ...routeFindings(seen, region, members),
  ];
}

function memberFinding(
  seen: ClusterObservation,
  region: Region,
  members: readonly SeenMember[],
  name: string,
): readonly Finding[] {
  const machine = seen.machines.find(({ node }) => node.name === name) ?? null;
  const member = members.find((each) => each.name === name);
  // the machine's own finding says it, and what to do
  if (machine?.seen === null) return [];
  // a remedy that meets the same cause would not help: the cause first
  const failure = replayFailureOf(seen, name);
  if (failure !== null && !['running', 'streaming'].includes(member?.state ?? ''))
    return [replayFinding(name, failure)];
  const blocker = ['starting', 'restarting'].includes(member?.state ?? '') ? overflowedTransaction(seen, region) : null;
  if (blocker !== null) return [waitingStart(name, blocker)];
  if (member === undefined) return [missingFinding(seen, region, name, machine)];
  if (member.role === 'leader') {
    return member.state === 'running' ? [] : [stateFinding(seen, region, machine, member)];
  }
  if (member.state !== 'streaming') return [stateFinding(seen, region, machine, member)];
  if (typeof member.lag === 'number' && member.lag > thresholdOf(seen.cluster, 'ReplicationLagHigh')) {
    return [
      {
        what: `${name}: replication lag ${Math.round(member.lag / 1024 ** 2)} MiB`,
        remedy: `check disk and CPU of ${name}, and long queries there that delay replay (pg_stat_activity)`,
        alert: 'ReplicationLagHigh',
      },
    ];
  }
  return [];
}

/** The machine answers, and etcd does not have its member. */
function missingFinding(
  seen: ClusterObservation,
  region: Region,
  name: string,
  machine: MachineObservation | null,
): Finding {
  const down = toldOf(machine?.seen?.units)?.down ?? [];
  if (down.includes('patroni.service')) {
    return {
      what: `${name}: Patroni is not running`,
      remedy: `on ${name}: systemctl start patroni; journalctl -u patroni shows why it stopped`,
      alert: 'PatroniDown',
    };
  }
  if (toldOf(machine?.seen?.patroni) !== null) {
    return {
      what: `${name}: Patroni is running but not registered in etcd`,
      remedy: `check the connection from ${name} to port ${ports.etcdClient} of etcd; journalctl -u patroni there shows what it waits for`,
    };
  }
  return {
    what: `${name}: not a member of the cluster`,
    remedy: `check the log: journalctl -u patroni (on ${name})${rebuilt(seen, region, name, '. If it cannot start: ')}`,
    alert: 'PatroniDown',
  };
}

/** A member in a state that does not serve, in Patroni's words (patroni/postgresql/misc.py, `PostgresqlState`). */
function stateFinding(
  seen: ClusterObservation,
  region: Region,
  machine: MachineObservation | null,
  { name, role, state }: SeenMember,
): Finding {
  const isLeader = role === 'leader' || role === 'standby_leader';
  const alert = role === 'standby_leader' ? 'DrReplicationStopped' : isLeader ? 'PostgresDown' : 'ReplicaNotStreaming';
  const log = `journalctl -u patroni (on ${name})`;
  const said = (what: string, remedy: string): Finding => ({ what: `${name}: ${what}`, remedy, alert });
  if (state === 'creating replica') {
    return said('replica is being created', `wait: it joins automatically when the copy is complete. Progress: ${log}`);
  }
  if (state === 'in archive recovery') {
    return said(
      'replica is not streaming (state: in archive recovery)',
      `wait: it catches up from the WAL archive. If it does not, check the connection from ${name} to port ${ports.postgres} of the primary, and the log: ${log}`,
    );
  }
  if (state === 'starting' || state === 'restarting') {
    return said(
      `server is ${state}: crash recovery until it is consistent`,
      `wait: crash recovery may take minutes. Progress: ${log}`,
    );
  }
  if (state === 'stopping') return said('server is stopping', `wait. Log: ${log}`);
  if (state === 'stopped') {
    const down = toldOf(machine?.seen?.units)?.down ?? [];
    if (down.includes('patroni.service'))
      return said('server is stopped, Patroni is not running', `on ${name}: systemctl start patroni`);
    return toldOf(machine?.seen?.patroni)?.patroni.pause === true
      ? said(
          'server is stopped, and automatic failover is paused',
          'after the maintenance: patronictl resume starts it',
        )
      : said(
          'server is stopped',
          `wait for Patroni to start it. If it does not, check the log: ${log}; then pgha nodes restart ${name}`,
        );
  }
  if (state === 'running') {
    return said(
      'replica is not streaming (state: running)',
      `check the connection from ${name} to port ${ports.postgres} of the primary, and the log: ${log}${rebuilt(seen, region, name, '. If it diverged and pg_rewind fails: ')}`,
    );
  }
  return said(
    `state is ${state}`,
    `check the log: ${log}${rebuilt(seen, region, name, '. If the state does not change: ')}`,
  );
}

/** How its data is replaced: only while a primary has all of it, and never the primary's own. */
function rebuilt(seen: ClusterObservation, region: Region, name: string, before: string): string {
  const others = regionsOf(seen.cluster).filter(({ kind }) => kind !== region.kind);
  const isLed = (each: Region) => writersOf(seen, each).some((writer) => writer !== name);
  const own = membersSeen(seen, region)?.find((each) => each.name === name);
  // Patroni rebuilds a replica from its region's leader; the leader of a standby region has only the active region
  if ((own?.role === 'standby_leader' || membersOf(region).length === 1) && others.some(isLed)) {
    return `${before}pgha dr rejoin --rebuild (rebuilds ${region.awsRegion})`;
  }
  const hasLeader = membersListed(seen, region)?.some(
    (each) => each.name !== name && (each.role === 'leader' || each.role === 'standby_leader'),
  );
  return hasLeader === true && own?.role !== 'leader' ? `${before}pgha nodes reinit ${name}` : '';
}

function regionFindings(seen: ClusterObservation, region: Region, members: readonly SeenMember[]): readonly Finding[] {
  const found: Finding[] = [];
  const primary = members.find(({ role, isFailsafe }) => role === 'leader' && isFailsafe !== true)?.name ?? null;
  if (
    primary !== null &&
    membersOf(region).length > 1 &&
    !members.some(({ role }) => /^(sync|quorum)_standby$/.test(role)) &&
    // no member is missing then: the primary was told to wait for others, or for none
    !hasForeignStandbyNames(seen, primary)
  ) {
    found.push({
      what: `${region.awsRegion}: no synchronous standby; another failure would lose data or block writes`,
      remedy: 'recover the missing member; it is listed here with its state',
      alert: 'NoSynchronousStandby',
    });
  }
  const leader = members.find(({ role }) => role === 'standby_leader');
  const others = regionsOf(seen.cluster).filter(({ kind }) => kind !== region.kind);
  if (leader === undefined && !leadsAny(members) && others.some((other) => writersOf(seen, other).length > 0)) {
    found.push({
      what: `${region.awsRegion}: the standby region has no standby leader and cannot be promoted`,
      remedy: `check etcd of ${region.awsRegion} first, then the log: journalctl -u patroni (on ${membersOf(region)[0]?.name})`,
      alert: 'DrNoStandbyLeader',
    });
  }
  const lag = leader === undefined ? null : replayAgeSeconds(seen, leader.name);
  if (lag !== null && lag > thresholdOf(seen.cluster, 'DrReplicationLagHigh')) {
    found.push({
      what: `${region.awsRegion}: replication lag ${Math.round(lag)} s`,
      remedy: 'check the VPC peering connection, and the replication slot "dr" on the primary',
      alert: 'DrReplicationLagHigh',
    });
  }
  const asked = answering(seen, region, ['postgres', 'standby']);
  if (asked.some(({ seen: machine }) => toldOf(machine?.patroni)?.patroni.pause === true)) {
    found.push({
      what: `${region.awsRegion}: automatic failover is paused`,
      remedy: 'after the maintenance: patronictl resume',
      alert: 'PatroniPaused',
    });
  }
  for (const { node, seen: machine } of asked) {
    if (toldOf(machine?.patroni)?.patroni.pending_restart === true) {
      found.push({
        what: `${node.name}: restart pending for changed settings`,
        remedy: `pgha nodes restart ${node.name}`,
        alert: 'PendingRestart',
      });
    }
  }
  return found;
}

const leadsAny = (members: readonly SeenMember[]) => members.some(({ role }) => role === 'leader');

/** The routes of a region that has a primary: every node has to route clients to it. */
function routeFindings(seen: ClusterObservation, region: Region, members: readonly SeenMember[]): readonly Finding[] {
  // its own word: what etcd has is as old as the lease of a primary that is gone
  const [primary] = writersOf(seen, region);
  if (primary === undefined) return [];
  const hasReplica = members.some(
    ({ name, state, lag }) =>
      name !== primary && state === 'streaming' && typeof lag === 'number' && lag < readableLagMib * 1024 ** 2,
  );
  return answering(seen, region, ['postgres', 'standby']).flatMap(({ node: { name }, seen: machine }) => {
    const router = toldOf(machine?.router);
    const wrong = router?.primary?.filter((each) => each !== primary) ?? [];
    return [
      ...(toldOf(machine?.pooler)?.paused === true
        ? [
            {
              what: `${name}: PgBouncer is paused although there is a primary`,
              remedy: `on ${name}: systemctl restart pgha-guard`,
              alert: 'PgBouncerPaused',
            },
          ]
        : []),
      ...((toldOf(machine?.pooler)?.maxWaitSeconds ?? 0) > thresholdOf(seen.cluster, 'PgBouncerClientsWaiting')
        ? [
            {
              what: `${name}: a client of PgBouncer has waited for ${Math.round(toldOf(machine?.pooler)?.maxWaitSeconds ?? 0)} s`,
              remedy: `all server connections of its pool are in use: check SHOW POOLS and SHOW SERVERS on the admin console of PgBouncer on ${name}`,
              alert: 'PgBouncerClientsWaiting',
            },
          ]
        : []),
      ...(router !== null && router.primary?.includes(primary) !== true
        ? [
            {
              what: `${name}: HAProxy does not route to the primary ${primary}`,
              remedy: `check the log: journalctl -u haproxy (on ${name}), and the connection from there to port ${ports.patroni} of ${primary}`,
              alert: 'HAProxyNoPrimaryBackend',
            },
          ]
        : []),
      ...wrong.map((other) => ({
        what: `${name}: HAProxy routes writes to ${other}, but the primary is ${primary}`,
        remedy: `${other} reports itself as the leader; check the log: journalctl -u patroni (on ${other})`,
      })),
      ...(router !== null && hasReplica && (router.replica ?? []).length === 0
        ? [
            {
              what: `${name}: HAProxy routes reads to no replica although one is streaming`,
              remedy: `check the log: journalctl -u haproxy (on ${name})`,
            },
          ]
        : []),
    ];
  });
}
