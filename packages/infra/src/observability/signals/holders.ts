import type { Signal } from '../signal.ts';

/** What holds vacuum or replay back, and slots that no longer retain WAL. */
export const holderSignals: readonly Signal[] = [
  {
    name: 'VacuumHeldBack',
    group: 'database',
    summary:
      'A {{ $labels.kind }} transaction on {{ $labels.instance }} has held vacuum back for {{ $value | humanizeDuration }}',
    meaning: 'A transaction, a prepared transaction or a replica’s query holds the xmin horizon.',
    impact:
      'Vacuum removes no row version that was changed since: tables and indexes bloat, and wraparound comes closer.',
    query: 'max by (instance, region, kind) (pgha_transaction_held_seconds)',
    unit: 'seconds',
    threshold: { above: 600 },
    forSeconds: 30,
    severity: 'warning',
    runbook:
      '`pgha status` names it: process, user, application, statement. End it with `select pg_terminate_backend(PID)`, a prepared one with `rollback prepared`.',
    page: '../connecting.md',
  },
  {
    name: 'InactiveSlotHoldsXmin',
    group: 'replication',
    summary:
      'Slot {{ $labels.slot }} on {{ $labels.instance }} has been inactive for {{ $value | humanizeDuration }} and holds vacuum back',
    meaning: 'A replication slot without a connected standby still holds the xmin horizon (`hot_standby_feedback`).',
    impact: 'Vacuum removes no row version that was changed since, and pg_wal grows.',
    query: 'max by (instance, region, slot) (pgha_slot_horizon_inactive_seconds)',
    unit: 'seconds',
    threshold: { above: 120 },
    forSeconds: 30,
    severity: 'warning',
    runbook:
      'Start the standby that streams from this slot (`pgha status` names it). If that takes long, `select pg_drop_replication_slot(…)` on the primary: Patroni recreates the slot without the xmin, and the standby catches up from the archive.',
    page: 'nodes.md',
  },
  {
    name: 'SlotInvalidated',
    group: 'replication',
    summary: 'Replication slot {{ $labels.slot }} on {{ $labels.instance }} was invalidated (wal_status = lost)',
    meaning: 'The slot would have retained more WAL than `max_slot_wal_keep_size`, and PostgreSQL invalidated it.',
    impact: 'The standby of this slot cannot stream any more; it can only catch up from the archive.',
    query: 'max by (instance, region, slot) (pgha_slot_invalidated)',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 30,
    severity: 'warning',
    runbook:
      '`pgha dr rejoin` (slot of the standby region, with `--rebuild` if it does not stream afterwards) or `pgha nodes reinit` (slot of a member) recreates it.',
    page: 'nodes.md',
  },
  {
    name: 'ReplayPaused',
    group: 'replication',
    summary: 'WAL replay on {{ $labels.instance }} is paused',
    meaning: '`pg_is_wal_replay_paused()` is true on this replica.',
    impact: 'Its reads are stale. If it is promoted, it has to replay the backlog first.',
    query: 'patroni_xlog_paused',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      '`select pg_wal_replay_resume()` on the replica. PostgreSQL pauses by itself where a setting is smaller than the primary’s: `journalctl -u patroni` names the setting.',
    page: 'nodes.md',
  },
];
