/** What a signal's number is, so that people read it as a percentage, a duration or a size. */
export type Unit = 'ratio' | 'seconds' | 'bytes' | 'count' | 'per-second';

/** critical: act now. warning: act within days. The value of the label `severity`. */
export type Severity = 'critical' | 'warning';

/** One thing that is watched: a number, the bound it must keep, and what to do when it does not. */
export interface Signal {
  /** The alert's name; names the cause, not the measurement. */
  name: string;
  group: 'service' | 'database' | 'replication' | 'connections' | 'etcd' | 'backups' | 'machines' | 'monitoring';
  /** One sentence for the message; may use Prometheus' `{{ $labels.instance }}`. */
  summary: string;
  /** PromQL that gives one number for each thing watched; no number is no alert. */
  query: string;
  unit: Unit;
  threshold: { above: number } | { below: number };
  /** How long the bound must be broken; bridges a restart or a single lost scrape. */
  forSeconds: number;
  severity: Severity;
  /** What to look at and do first. */
  runbook: string;
}

/** A figure that several signals and panels use, computed once. */
export interface RecordedFigure {
  /** `level:metric:operation`, as Prometheus' naming guide has it. */
  name: string;
  query: string;
}
