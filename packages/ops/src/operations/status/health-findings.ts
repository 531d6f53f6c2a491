import { membersOf, ports, type Region } from '@pgha/infra/cluster';
import { type HealthFigure, toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';
import { membersSeen } from './members.ts';
import { answering, type ClusterObservation } from './observe.ts';
import { acceptsWrites } from './own-words.ts';
import { thresholdOf } from './thresholds.ts';

/** What PostgreSQL knows of its own health, by the figures and the thresholds of the alerts. */
export function healthFindings(seen: ClusterObservation, region: Region): readonly Finding[] {
  return answering(seen, region, ['postgres', 'standby']).flatMap(({ node: { name }, seen: machine }) => {
    const figures = toldOf(machine?.health);
    if (machine === null || figures === null) return [];
    const role = membersSeen(seen, region)?.find((each) => each.name === name)?.role ?? 'replica';
    const writes = acceptsWrites(machine) === true;
    const committed = largest(figures, 'pgha_commit_timestamp_seconds');
    const commitAge = committed === null || !writes ? null : Date.parse(machine.at) / 1_000 - committed;
    const damaged = sum(figures, 'pgha_checksum_failures');
    const transactions = largest(figures, 'pgha_transaction_id_age');
    const multixacts = largest(figures, 'pgha_multixact_id_age');
    const prepared = largest(figures, 'pgha_prepared_transaction_age_seconds');
    const idle = largest(figures, 'pgha_idle_in_transaction_seconds');
    const isAbove = (value: number | null, alert: string): value is number =>
      value !== null && value > thresholdOf(seen.cluster, alert);
    const found: Finding[] = [];
    if (isAbove(commitAge, 'CommitsStalled')) {
      found.push({
        what: `no commit on ${name} has ended for ${Math.round(commitAge)} s`,
        remedy:
          'a full disk, an unreachable port or a missing synchronous standby is named here too and comes first. Otherwise its data disk ' +
          'stalls: pgha switchover; where that hangs, force-stop the machine, and a synchronous standby is promoted',
        alert: 'CommitsStalled',
      });
    }
    if (isAbove(damaged, 'ChecksumFailure')) {
      found.push({
        what: `${damaged} pages read on ${name} did not match their checksums`,
        remedy: damageRemedy(name, role),
        alert: 'ChecksumFailure',
      });
    }
    // a standby has the numbers of its primary
    if (writes && isAbove(transactions, 'TransactionIdWraparound')) {
      found.push({
        what: `the oldest row on ${name} is ${millions(transactions)} million transactions old; at 2 000 million writes stop`,
        remedy: holders(name),
        alert: 'TransactionIdWraparound',
      });
    }
    if (writes && isAbove(multixacts, 'MultixactIdWraparound')) {
      found.push({
        what: `the oldest multixact on ${name} is ${millions(multixacts)} million multixacts old; at 2 000 million row locks stop`,
        remedy: holders(name),
        alert: 'MultixactIdWraparound',
      });
    }
    if (isAbove(prepared, 'PreparedTransactionOld')) {
      found.push({
        what: `a prepared transaction on ${name} has been open for ${Math.round(prepared)} s`,
        remedy:
          "select gid, owner, prepared from pg_prepared_xacts; then commit prepared 'GID' or rollback prepared 'GID'",
        alert: 'PreparedTransactionOld',
      });
    }
    if (isAbove(idle, 'IdleInTransaction')) {
      found.push({
        what: `a session on ${name} has been idle in a transaction for ${Math.round(idle)} s`,
        remedy:
          "select pid, usename, application_name, state_change from pg_stat_activity where state like 'idle in transaction%' names it; " +
          'select pg_terminate_backend(PID) ends it',
        alert: 'IdleInTransaction',
      });
    }
    return found;
  });
}

/** Ports of a member that runs by its own word, and that others cannot connect to. */
export function portFindings(seen: ClusterObservation, region: Region): readonly Finding[] {
  const members = answering(seen, region, ['postgres', 'standby']);
  return membersOf(region).flatMap(({ name }) => {
    const own = members.find(({ node }) => node.name === name)?.seen ?? null;
    // a server that does not run is another finding's business
    if (toldOf(own?.database) === null) return [];
    return [ports.postgres, ports.patroni].flatMap((port) => {
      const blind = members
        .filter(({ seen: machine }) =>
          toldOf(machine?.reach)?.some((each) => each.member === name && each.port === port && !each.reached),
        )
        .map(({ node }) => node.name);
      if (blind.length === 0 || (port === ports.patroni && toldOf(own?.patroni) === null)) return [];
      const isPrimary = acceptsWrites(own) === true;
      const costs =
        port === ports.patroni
          ? 'HAProxy there drops it although it works'
          : 'neither replication nor clients reach it from there';
      return [
        {
          what: `port ${port} of ${name} is unreachable from ${blind.join(', ')}, although it runs: ${costs}`,
          remedy:
            `security groups and firewalls (nft list ruleset) between them and ${name}, and a process that hangs behind the port` +
            (isPrimary ? '; if it cannot be repaired: pgha switchover' : ''),
          alert: 'PortUnreachable',
        },
      ];
    });
  });
}

const named = (figures: readonly HealthFigure[], name: string) =>
  figures.filter((each) => each.name === name).map(({ value }) => value);

function largest(figures: readonly HealthFigure[], name: string): number | null {
  const values = named(figures, name);
  return values.length === 0 ? null : Math.max(...values);
}

const sum = (figures: readonly HealthFigure[], name: string) =>
  named(figures, name).reduce((total, value) => total + value, 0);

const millions = (count: number) => Math.round(count / 1e6);

const holders = (name: string) =>
  `what holds vacuum back on ${name}: the oldest transaction (pg_stat_activity), prepared transaction (pg_prepared_xacts) or slot ` +
  '(pg_replication_slots); vacuum (freeze) of the oldest tables once it is gone';

/** Patroni rebuilds only replicas of a leader: a primary is replaced by a replica first. */
function damageRemedy(name: string, role: string): string {
  if (role === 'leader')
    return `pgha switchover to another member, then pgha nodes reinit ${name}; pgha backup verify --restore`;
  if (role === 'standby_leader') return 'pgha dr rejoin --rebuild replaces the data of its region';
  return `pgha nodes reinit ${name} replaces its data; if it happens again, pgha nodes replace ${name}`;
}
