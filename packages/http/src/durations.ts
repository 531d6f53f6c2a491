import type { Registry } from 'prom-client';

/** Where a duration falls, among upper bounds in ascending order; their number for what is beyond all. */
export function bucketOf(bounds: readonly number[], seconds: number): number {
  let bucket = 0;
  while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket += 1;
  return bucket;
}

/** The durations of one combination of labels. */
interface Durations {
  /** Counts one, and answers the bucket it falls into. */
  observe(seconds: number): number;
}

export interface DurationHistogram {
  /** To be asked for once a combination of labels, and kept. */
  series(labels: Record<string, string>): Durations;
}

interface Series {
  labels: Record<string, string>;
  /** By bucket, not cumulative; the last is unbounded. */
  counts: number[];
  sum: number;
}

/**
 * A histogram that prom-client renders and does not count: its own `observe` makes a text of the labels each time, which
 * costs more than the rest of what is measured about a request.
 */
export function registerDurations(
  registry: Registry,
  { name, help, bounds }: { name: string; help: string; bounds: readonly number[] },
): DurationHistogram {
  const all: Series[] = [];
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: all.flatMap(valuesOf) }),
  };

  function valuesOf({ labels, counts, sum }: Series) {
    let count = 0;
    const buckets = counts.map((own, at) => {
      count += own;
      return { metricName: `${name}_bucket`, labels: { le: bounds[at] ?? '+Inf', ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }

  registry.registerMetric(metric as never);
  return {
    series(labels) {
      const series: Series = { labels, counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 };
      all.push(series);
      return {
        observe(seconds) {
          const bucket = bucketOf(bounds, seconds);
          series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
          series.sum += seconds;
          return bucket;
        },
      };
    },
  };
}
