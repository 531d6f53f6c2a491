export interface CoalescerOptions<K, V> {
  /** Answers every key, in the order asked. A throw is every caller's error. */
  load: (keys: K[]) => Promise<V[]>;
  /** Keys with the same identity are loaded once; distinct objects are distinct keys unless this says otherwise. */
  identity?: (key: K) => unknown;
  maxKeys: number;
  /** Loads running at the same time; while all run, callers gather for the next, so that a load grows with the demand. */
  maxInFlight: number;
}

/** A key that is asked for; everyone who asks for it until it is loaded has the same promise. */
interface Pending<K, V> extends PromiseWithResolvers<V> {
  key: K;
}

/**
 * Gathers the reads of one tick into one query.
 *
 * Invariant: the value a caller gets was loaded by a `load` that began after the caller asked, so that gathering never
 * shows anyone a state older than a query of its own would have.
 */
export function createCoalescer<K, V>({ load, identity = (key) => key, maxKeys, maxInFlight }: CoalescerOptions<K, V>) {
  let gathered = new Map<unknown, Pending<K, V>>();
  let inFlight = 0;
  let scheduled = false;

  function get(key: K): Promise<V> {
    const id = identity(key);
    let pending = gathered.get(id);
    if (pending === undefined) {
      pending = { key, ...Promise.withResolvers<V>() };
      gathered.set(id, pending);
      schedule();
    }
    return pending.promise;
  }

  function schedule(): void {
    if (scheduled || inFlight >= maxInFlight) return;
    scheduled = true;
    // after the poll phase: every request whose bytes have arrived has asked by then
    setImmediate(() => {
      scheduled = false;
      while (gathered.size > 0 && inFlight < maxInFlight) void start(take());
    });
  }

  function take(): Pending<K, V>[] {
    if (gathered.size <= maxKeys) {
      const all = [...gathered.values()];
      gathered = new Map();
      return all;
    }
    const first: Pending<K, V>[] = [];
    for (const [id, pending] of gathered) {
      if (first.length === maxKeys) break;
      first.push(pending);
      gathered.delete(id);
    }
    return first;
  }

  async function start(batch: Pending<K, V>[]): Promise<void> {
    inFlight += 1;
    try {
      const values = await load(batch.map((pending) => pending.key));
      for (const [index, pending] of batch.entries()) pending.resolve(values[index] as V);
    } catch (error) {
      for (const pending of batch) pending.reject(error);
    } finally {
      inFlight -= 1;
      if (gathered.size > 0) schedule();
    }
  }

  return { get, pending: () => gathered.size };
}
