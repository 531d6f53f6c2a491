import type { Cluster } from '@pgha/infra/cluster';
import { signalsOf } from '@pgha/infra/signals';
import type { Finding } from './finding.ts';

/** A finding with how urgent it is and where its runbook is. */
export interface GradedFinding extends Finding {
  /** That of its alert; `warning` where only `pgha status` sees it. */
  severity: 'critical' | 'warning';
  /** The page and heading of its alert; null where it has no alert. */
  runbook: string | null;
}

/** Gives every finding the severity of its alert, the critical ones first. Pure. */
export function grade(cluster: Cluster, findings: readonly Finding[]): readonly GradedFinding[] {
  const signals = new Map(signalsOf(cluster).map((signal) => [signal.name, signal]));
  const graded = findings.map((finding): GradedFinding => {
    const signal = finding.alert === undefined ? undefined : signals.get(finding.alert);
    return {
      ...finding,
      severity: signal?.severity ?? 'warning',
      runbook: signal === undefined ? null : `docs/runbooks/alerts.md#${signal.name.toLowerCase()}`,
    };
  });
  return [
    ...graded.filter(({ severity }) => severity === 'critical'),
    ...graded.filter(({ severity }) => severity === 'warning'),
  ];
}
