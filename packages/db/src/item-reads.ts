import type { Caller } from './caller.ts';
import { createCoalescer } from './coalescer.ts';
import { type PageRequest, type RenderedPage, readItems, readPage } from './items.ts';
import { hasReached, type LsnToken } from './lsn.ts';
import type { DbPool, Session } from './pool.ts';
import { type ReadPosition, readReplayPosition } from './positions.ts';
import { createReplayWatch } from './replay-watch.ts';
import { type RideContext, ride } from './ride.ts';

/** What a read asks beside its subject. */
export interface ReadTerms {
  /** Epoch ms. */
  deadline: number;
  /** The answer is at least as new as this, or `ReplicaBehindError`. */
  minLsn: LsnToken | null;
  caller?: Caller | null;
}

/** A value and the position it is at least as new as. */
export interface Positioned<T> {
  value: T;
  position: ReadPosition;
}

export interface ItemReads {
  /** The item's JSON; null where there is none. */
  item(id: string, terms: ReadTerms): Promise<Positioned<string | null>>;
  page(page: PageRequest, terms: ReadTerms): Promise<Positioned<RenderedPage>>;
  /** The position that was seen last; null before the first. */
  lastPosition(): ReadPosition | null;
  /** Looks at the position without reading anything. Throws what a pool throws. */
  look(): Promise<void>;
}

export interface ItemReadsOptions {
  pool: DbPool;
  context: RideContext;
  /** How long a read waits for its replica to reach `minLsn`. */
  waitMs: number;
}

/** Point reads and pages, gathered by tick, each riding through a failover until its deadline. */
export function createItemReads({ pool, context, waitMs }: ItemReadsOptions): ItemReads {
  let lastPosition: ReadPosition | null = null;

  async function readPosition(session: Session): Promise<ReadPosition> {
    lastPosition = await readReplayPosition(session);
    return lastPosition;
  }

  const watch = createReplayWatch(() => pool.use(readPosition), context.observer);

  /** The position is asked first and travels with the reads: what they see is at least that new. */
  function positioned<T>(load: (session: Session) => Promise<T[]>): Promise<Positioned<T>[]> {
    return pool.use(async (session) => {
      const [position, values] = await Promise.all([readPosition(session), load(session)]);
      return values.map((value) => ({ value, position }));
    });
  }

  const items = createCoalescer<string, Positioned<string | null>>({
    load: (ids) => positioned((session) => readItems(session, ids)),
    maxKeys: 256,
    maxInFlight: 2,
  });

  const pages = createCoalescer<PageRequest, Positioned<RenderedPage>>({
    load: (requests) => positioned((session) => Promise.all(requests.map((page) => readPage(session, page)))),
    identity: ({ skip, limit, activeOnly, after }) => `${skip} ${limit} ${activeOnly} ${after}`,
    // pages are heavy: a batch of many distinct ones would make the first wait for the last
    maxKeys: 4,
    maxInFlight: 4,
  });

  function read<T>(
    { deadline, minLsn, caller = null }: ReadTerms,
    load: () => Promise<Positioned<T>>,
  ): Promise<Positioned<T>> {
    if (minLsn === null) return ride(context, deadline, load, caller);
    const loadReached = async () => {
      const answer = await load();
      if (hasReached(answer.position, minLsn)) return answer;
      await watch.waitFor(minLsn, answer.position, waitMs);
      return load();
    };
    return ride(context, deadline, loadReached, caller);
  }

  return {
    item: (id, terms) => read(terms, () => items.get(id)),
    page: (page, terms) => read(terms, () => pages.get(page)),
    lastPosition: () => lastPosition,
    look: async () => void (await pool.use(readPosition)),
  };
}
