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
        what: `${name}: no commit has completed for ${Math.round(commitAge)} s`,
        remedy:
          'first resolve a full disk, an unreachable port or a missing synchronous standby, if one is listed here. Otherwise the data ' +
          'disk stalls: pgha switchover; if that hangs, force-stop the node, and a synchronous standby is promoted',
        alert: 'CommitsStalled',
      });
    }
    if (isAbove(damaged, 'ChecksumFailure')) {
      found.push({
        what: `${name}: ${damaged} checksum failures (corrupt pages)`,
        remedy: damageRemedy(name, role),
        alert: 'ChecksumFailure',
      });
    }
    // a standby has the numbers of its primary
    if (writes && isAbove(transactions, 'TransactionIdWraparound')) {
      found.push({
        what: `${name}: transaction ID age ${millions(transactions)} million; at 2 000 million writes stop (wraparound)`,
        remedy: holders(name),
        alert: 'TransactionIdWraparound',
      });
    }
    if (writes && isAbove(multixacts, 'MultixactIdWraparound')) {
      found.push({
        what: `${name}: multixact ID age ${millions(multixacts)} million; at 2 000 million row locks stop (wraparound)`,
        remedy: holders(name),
        alert: 'MultixactIdWraparound',
      });
    }
    if (isAbove(prepared, 'PreparedTransactionOld')) {
      found.push({
        what: `${name}: a prepared transaction has been open for ${Math.round(prepared)} s`,
        remedy:
          "select gid, owner, prepared from pg_prepared_xacts; then commit prepared 'GID' or rollback prepared 'GID'",
        alert: 'PreparedTransactionOld',
      });
    }
    if (isAbove(idle, 'IdleInTransaction')) {
      found.push({
        what: `${name}: a session has been idle in transaction for ${Math.round(idle)} s`,
        remedy:
          "select pid, usename, application_name, state_change from pg_stat_activity where state like 'idle in transaction%' shows it; " +
          'select pg_terminate_backend(PID) terminates it',
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
    // a server that does not run has a finding of its own
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
          ? 'HAProxy there takes it out of rotation'
          : 'neither replication nor clients can reach it from there';
      return [
        {
          what: `${name}: port ${port} is unreachable from ${blind.join(', ')} although the server runs: ${costs}`,
          remedy:
            `check security groups and firewalls (nft list ruleset) between them and ${name}, and for a hanging process on the port` +
            (isPrimary ? '. If it cannot be fixed: pgha switchover' : ''),
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
  `find what holds back vacuum on ${name}: the oldest transaction (pg_stat_activity), prepared transaction (pg_prepared_xacts) or slot ` +
  '(pg_replication_slots); remove it, then run VACUUM (FREEZE) on the oldest tables';

/** Patroni rebuilds only replicas of a leader: a primary is replaced by a replica first. */
function damageRemedy(name: string, role: string): string {
  if (role === 'leader')
    return `pgha switchover, then pgha nodes reinit ${name}; afterwards pgha backup verify --restore`;
  if (role === 'standby_leader') return 'rebuild its region: pgha dr rejoin --rebuild';
  return `replace its data: pgha nodes reinit ${name}. If it happens again: pgha nodes replace ${name}`;
}
