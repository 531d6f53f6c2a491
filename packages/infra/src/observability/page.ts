import type { Unit } from './signal.ts';

/** A line of a panel, or several: one for each value of the labels its legend names. */
export interface Curve {
  query: string;
  /** Grafana's legend, for example `{{instance}}`. */
  legend: string;
}

export interface Panel {
  title: string;
  /** number: the last value, large. curve: over time. */
  kind: 'number' | 'curve';
  unit: Unit;
  curves: readonly Curve[];
}

/** A dashboard before it is Grafana's. */
export interface Page {
  name: string;
  title: string;
  panels: readonly Panel[];
}
