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
        what: `no member of ${region.awsRegion} answers`,
        remedy: 'start its machines; those that cannot be asked are below',
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
        what: `${name} is ${Math.round(member.lag / 1024 ** 2)} MiB behind`,
        remedy: 'its disk, its CPU, or a long query that holds replay back',
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
      what: `${name} is not a member: Patroni does not run there`,
      remedy: `systemctl start patroni on ${name}; journalctl -u patroni says why it ended`,
      alert: 'PatroniDown',
    };
  }
  if (toldOf(machine?.seen?.patroni) !== null) {
    return {
      what: `${name} is not a member: its Patroni runs and is not in etcd`,
      remedy: `the connection from ${name} to port ${ports.etcdClient} of etcd; journalctl -u patroni there says what it waits for`,
    };
  }
  return {
    what: `${name} is not a member`,
    remedy: `journalctl -u patroni on ${name}${rebuilt(seen, region, name, '; if it cannot start, ')}`,
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
  const log = `journalctl -u patroni on ${name}`;
  const said = (what: string, remedy: string): Finding => ({ what: `${name} is ${what}`, remedy, alert });
  if (state === 'creating replica') {
    return said(
      'being rebuilt (creating replica)',
      `wait: it joins by itself when the copy is complete; ${log} shows how far it is`,
    );
  }
  if (state === 'in archive recovery') {
    return said(
      'in archive recovery: it does not stream',
      `wait: it catches up from the archive; if it stays so, the connection from ${name} to port ${ports.postgres} of the primary, and ${log}`,
    );
  }
  if (state === 'starting' || state === 'restarting') {
    return said(
      `${state}: it replays WAL until it is consistent`,
      `wait: crash recovery may take minutes; ${log} shows its progress`,
    );
  }
  if (state === 'stopping') return said('stopping', `wait; ${log}`);
  if (state === 'stopped') {
    const down = toldOf(machine?.seen?.units)?.down ?? [];
    if (down.includes('patroni.service'))
      return said('stopped: Patroni does not run there', `systemctl start patroni on ${name}`);
    return toldOf(machine?.seen?.patroni)?.patroni.pause === true
      ? said('stopped, and the cluster is paused', 'patronictl resume starts it, once the maintenance is over')
      : said(
          'stopped',
          `wait for Patroni to start it; if it does not, ${log} says why, and pgha nodes restart ${name}`,
        );
  }
  if (state === 'running') {
    return said(
      'running and does not stream',
      `the connection from ${name} to port ${ports.postgres} of the primary; ${log}${rebuilt(seen, region, name, '; if it diverged and Patroni cannot rewind it, ')}`,
    );
  }
  return said(state, `${log}${rebuilt(seen, region, name, '; if it does not end, ')}`);
}

/** How its data is replaced: only while a primary has all of it, and never the primary's own. */
function rebuilt(seen: ClusterObservation, region: Region, name: string, before: string): string {
  const others = regionsOf(seen.cluster).filter(({ kind }) => kind !== region.kind);
  const isLed = (each: Region) => writersOf(seen, each).some((writer) => writer !== name);
  const own = membersSeen(seen, region)?.find((each) => each.name === name);
  // Patroni rebuilds a replica from its region's leader; the leader of a standby region has only the active region
  if ((own?.role === 'standby_leader' || membersOf(region).length === 1) && others.some(isLed)) {
    return `${before}pgha dr rejoin --rebuild replaces the data of ${region.awsRegion}`;
  }
  const hasLeader = membersListed(seen, region)?.some(
    (each) => each.name !== name && (each.role === 'leader' || each.role === 'standby_leader'),
  );
  return hasLeader === true && own?.role !== 'leader' ? `${before}pgha nodes reinit ${name} rebuilds it` : '';
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
      what: 'no standby confirms commits: a second fault now loses data or stops writes',
      remedy: 'bring the missing member back',
      alert: 'NoSynchronousStandby',
    });
  }
  const leader = members.find(({ role }) => role === 'standby_leader');
  const others = regionsOf(seen.cluster).filter(({ kind }) => kind !== region.kind);
  if (leader === undefined && !leadsAny(members) && others.some((other) => writersOf(seen, other).length > 0)) {
    found.push({
      what: `the standby region ${region.awsRegion} has no leader: it could not be promoted`,
      remedy: `journalctl -u patroni on ${membersOf(region)[0]?.name}; etcd of ${region.awsRegion} comes first`,
      alert: 'DrNoStandbyLeader',
    });
  }
  const lag = leader === undefined ? null : replayAgeSeconds(seen, leader.name);
  if (lag !== null && lag > thresholdOf(seen.cluster, 'DrReplicationLagHigh')) {
    found.push({
      what: `${region.awsRegion} is ${Math.round(lag)} s behind`,
      remedy: 'the peering, and the slot "dr" on the primary',
      alert: 'DrReplicationLagHigh',
    });
  }
  const asked = answering(seen, region, ['postgres', 'standby']);
  if (asked.some(({ seen: machine }) => toldOf(machine?.patroni)?.patroni.pause === true)) {
    found.push({
      what: `automatic failover is paused in ${region.awsRegion}`,
      remedy: 'patronictl resume, once the maintenance is over',
      alert: 'PatroniPaused',
    });
  }
  for (const { node, seen: machine } of asked) {
    if (toldOf(machine?.patroni)?.patroni.pending_restart === true) {
      found.push({
        what: `${node.name} runs with settings that need a restart`,
        remedy: `pgha nodes restart ${node.name}`,
        alert: 'PendingRestart',
      });
    }
  }
  return found;
}

const leadsAny = (members: readonly SeenMember[]) => members.some(({ role }) => role === 'leader');

/** The ways in of a region that has a primary: whichever machine a client comes through, it has to reach it. */
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
              what: `the pooler of ${name} is paused although there is a primary`,
              remedy: `systemctl restart pgha-guard on ${name}`,
              alert: 'PgBouncerPaused',
            },
          ]
        : []),
      ...((toldOf(machine?.pooler)?.maxWaitSeconds ?? 0) > thresholdOf(seen.cluster, 'PgBouncerClientsWaiting')
        ? [
            {
              what: `a client of PgBouncer on ${name} has waited for ${Math.round(toldOf(machine?.pooler)?.maxWaitSeconds ?? 0)} s`,
              remedy: `every server connection of its pool is in use: show pools and show servers on the console of PgBouncer on ${name}`,
              alert: 'PgBouncerClientsWaiting',
            },
          ]
        : []),
      ...(router !== null && router.primary?.includes(primary) !== true
        ? [
            {
              what: `the router of ${name} does not send to the primary ${primary}`,
              remedy: `journalctl -u haproxy on ${name} says why; the way from there to port ${ports.patroni} of ${primary}`,
              alert: 'HAProxyNoPrimaryBackend',
            },
          ]
        : []),
      ...wrong.map((other) => ({
        what: `the router of ${name} sends writers to ${other}, and ${primary} is the primary`,
        remedy: `journalctl -u patroni on ${other}: it says that it leads`,
      })),
      ...(router !== null && hasReplica && (router.replica ?? []).length === 0
        ? [
            {
              what: `the router of ${name} sends readers to no replica although one streams`,
              remedy: `journalctl -u haproxy on ${name} says why`,
            },
          ]
        : []),
    ];
  });
}
