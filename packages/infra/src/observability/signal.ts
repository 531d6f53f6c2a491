/** What a signal's number is, so that people read it as a percentage, a duration or a size. */
export type Unit = 'ratio' | 'seconds' | 'bytes' | 'count' | 'per-second';

/** critical: act now. warning: act within days. The value of the label `severity`. */
export type Severity = 'critical' | 'warning';

/** One thing that is monitored: a number, its threshold, and what to do beyond it. */
export interface Signal {
  /** The alert's name; names the cause, not the measurement. */
  name: string;
  group: 'service' | 'database' | 'replication' | 'connections' | 'etcd' | 'backups' | 'machines' | 'monitoring';
  /** One sentence for the message; may use Prometheus' `{{ $labels.instance }}`. */
  summary: string;
  /** What exactly is the case: for the alert's heading in docs/runbooks/alerts.md. */
  meaning: string;
  /** What it costs while it lasts. */
  impact: string;
  /** PromQL that gives one number for each thing watched; no number is no alert. */
  query: string;
  unit: Unit;
  threshold: { above: number } | { below: number };
  /** How long the threshold must be exceeded; bridges a restart or a single lost scrape. */
  forSeconds: number;
  severity: Severity;
  /** The first action, with its command. */
  runbook: string;
  /** The longer procedure, relative to docs/runbooks. */
  page: `${string}.md`;
}

/** A figure that several signals and panels use, computed once. */
export interface RecordedFigure {
  /** `level:metric:operation`, as Prometheus' naming guide has it. */
  name: string;
  query: string;
}
