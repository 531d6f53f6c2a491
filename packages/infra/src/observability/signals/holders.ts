import type { Signal } from '../signal.ts';

/** What holds vacuum or replay back, and slots that keep nothing any more. */
export const holderSignals: readonly Signal[] = [
  {
    name: 'VacuumHeldBack',
    group: 'database',
    summary:
      'A {{ $labels.kind }} transaction on {{ $labels.instance }} has held vacuum back for {{ $value | humanizeDuration }}',
    query: 'max by (instance, region, kind) (pgha_transaction_held_seconds)',
    unit: 'seconds',
    threshold: { above: 600 },
    forSeconds: 30,
    severity: 'warning',
    runbook:
      '`pgha status` names it: process, user, application, statement. Until it ends, no row that was changed since can be removed; it ends with `pg_terminate_backend`, a prepared one with `rollback prepared`.',
  },
  {
    name: 'InactiveSlotHoldsXmin',
    group: 'replication',
    summary:
      'Slot {{ $labels.slot }} on {{ $labels.instance }} has been inactive for {{ $value | humanizeDuration }} and holds vacuum back',
    query: 'max by (instance, region, slot) (pgha_slot_horizon_inactive_seconds)',
    unit: 'seconds',
    threshold: { above: 120 },
    forSeconds: 30,
    severity: 'warning',
    runbook:
      'Start the standby that streams through it. If that takes long, `select pg_drop_replication_slot(…)` on the primary: Patroni recreates the slot without the xmin, and the standby catches up from the archive.',
  },
  {
    name: 'SlotInvalidated',
    group: 'replication',
    summary: 'Slot {{ $labels.slot }} on {{ $labels.instance }} is invalidated and keeps no WAL',
    query: 'max by (instance, region, slot) (pgha_slot_invalidated)',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 30,
    severity: 'warning',
    runbook:
      'It kept more than `max_slot_wal_keep_size`. `pgha dr rejoin` (slot of the standby region, with `--rebuild` when that does not stream) or `pgha nodes reinit` (slot of a member) recreates it.',
  },
  {
    name: 'ReplayPaused',
    group: 'replication',
    summary: '{{ $labels.instance }} does not replay: its replay is paused',
    query: 'patroni_xlog_paused',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      '`select pg_wal_replay_resume()` on the replica. PostgreSQL pauses by itself where a setting is smaller than the primary’s: `journalctl -u patroni` names it.',
  },
];
