/** What the service was doing at one moment. */
export interface Sample {
  /** Milliseconds since the epoch. */
  at: number;
  requestsPerSecond: number;
  /** Answers of 500 and above. */
  failuresPerSecond: number;
  /** Seconds, over the last few samples; null when nothing was answered. */
  p50: number | null;
  p99: number | null;
  /** Requests held at most since the sample before. */
  held: number;
  /** Bytes the replica furthest behind is behind; null when not known. */
  lag: number | null;
  /** 1 when no server of the right role was there since the sample before, else 0. */
  away: number;
}

export type Measure = Exclude<keyof Sample, 'at'>;

const measures: Measure[] = ['requestsPerSecond', 'failuresPerSecond', 'p50', 'p99', 'held', 'lag', 'away'];

export interface Point {
  at: number;
  value: number | null;
}

/** The last samples, oldest first. */
export interface History {
  readonly length: number;
  push(sample: Sample): void;
  points(measure: Measure): Point[];
}

/**
 * A ring buffer in columns: taking a sample allocates nothing, however long the service runs. Samples are expected in
 * the order of their time.
 *
 * Invariant: the history holds the last `capacity` samples, and no other.
 */
export function createHistory(capacity: number): History {
  const times = new Float64Array(capacity);
  const columns = new Map(measures.map((measure) => [measure, new Float64Array(capacity)]));
  let next = 0;
  let length = 0;

  return {
    get length() {
      return length;
    },
    push(sample) {
      times[next] = sample.at;
      // NaN stands for null: a Float64Array has no other absence
      for (const [measure, column] of columns) column[next] = sample[measure] ?? Number.NaN;
      next = (next + 1) % capacity;
      length = Math.min(length + 1, capacity);
    },
    points(measure) {
      const column = columns.get(measure);
      const first = (next - length + capacity) % capacity;
      return Array.from({ length }, (_, index) => {
        const place = (first + index) % capacity;
        const value = column?.[place] ?? Number.NaN;
        return { at: times[place] ?? 0, value: Number.isNaN(value) ? null : value };
      });
    },
  };
}
