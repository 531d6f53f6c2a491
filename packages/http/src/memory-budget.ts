import type { ServerResponse } from 'node:http';
import { getHeapStatistics } from 'node:v8';
import type { Caller } from '@pgha/db';

/**
 * What a request occupies, as measured on Node 24 and rounded up. The heap, and not the wire, is what has an end.
 * A byte of a body is held as bytes while it is read, as text and as values afterwards, as an array's text on its way to the
 * database, and as the answer: at most about four of them at a time, since a character may take two.
 */
const costs = { request: 8 * 1024, bodyByte: 4, chunk: 256, item: 512 } as const;

/** The old generation is a little more than half of what V8 calls its limit; half of that is left for everything else. */
const heapShare = 4;
/** An idle connection has some 2.6 KB of heap, without TLS. */
const connectionBytes = 4 * 1024;

/** What requests and their answers may occupy together. */
export interface MemoryBudget {
  readonly limitBytes: number;
  /** Connections at a time; a further one is closed as it comes. */
  readonly mostConnections: number;
  heldBytes(): number;
  /** Whether even refusals, which wait for the answers before them on their connections, take more than they should. */
  isOverfull(): boolean;
  /** Counts a request in until its answer has been sent or its client has gone, whether there is room for it or not. */
  open(answer: ServerResponse): HeldRequest;
}

/** What one request occupies, and whether its client still waits for the answer. */
export interface HeldRequest extends Caller {
  /** Whether everything that is held, and a body of so many bytes, has room. Takes nothing. */
  hasRoomFor(bodyBytes: number): boolean;
  /** Takes what a part of the body, or some of its items, occupy; false, and nothing is taken, where there is no room. */
  takeBody(bytes: number): boolean;
  takeItems(count: number): boolean;
  /** Gives back what `takeBody` and `takeItems` took: the request is answered without them. */
  dropBody(): void;
  /**
   * Sends an answer of so many bytes and counts them until the client has taken them. False, and nothing is sent, where
   * there is no room.
   */
  send(bytes: number, send: () => void): boolean;
  /** Keeps counting until `work` has finished, even if the client disconnects before that. */
  during<T>(work: Promise<T>): Promise<T>;
}

/** `limitMib`: null for a share of the heap. */
export function createMemoryBudget(limitMib: number | null): MemoryBudget {
  const limitBytes =
    limitMib === null ? Math.floor(getHeapStatistics().heap_size_limit / heapShare) : limitMib * 1024 * 1024;
  let heldBytes = 0;

  class Held implements HeldRequest {
    #answer: ServerResponse;
    #bytes = costs.request as number;
    #bodyBytes = 0;
    #holders = 1;
    hasGone = false;
    onGone: (() => void) | null = null;

    constructor(answer: ServerResponse) {
      this.#answer = answer;
      heldBytes += this.#bytes;
      answer.on('close', () => {
        if (!answer.writableFinished) {
          this.hasGone = true;
          this.onGone?.();
        }
        this.#release();
      });
    }

    hasRoomFor(bodyBytes: number): boolean {
      return heldBytes + bodyBytes * costs.bodyByte <= limitBytes;
    }

    takeBody(bytes: number): boolean {
      return this.#takeForBody(bytes * costs.bodyByte + costs.chunk);
    }

    takeItems(count: number): boolean {
      return this.#takeForBody(count * costs.item);
    }

    dropBody(): void {
      this.#giveBack(this.#bodyBytes);
      this.#bodyBytes = 0;
    }

    send(bytes: number, send: () => void): boolean {
      if (!this.#take(bytes)) return false;
      send();
      // the kernel has all of it: nothing is held
      if (this.#holders > 0 && this.#answer.writableFinished) this.#giveBack(bytes);
      return true;
    }

    async during<T>(work: Promise<T>): Promise<T> {
      this.#holders += 1;
      try {
        return await work;
      } finally {
        this.#release();
      }
    }

    #takeForBody(bytes: number): boolean {
      if (!this.#take(bytes)) return false;
      if (this.#holders > 0) this.#bodyBytes += bytes;
      return true;
    }

    #take(bytes: number): boolean {
      // over already: what still comes of it is let go of at once
      if (this.#holders === 0) return true;
      if (heldBytes + bytes > limitBytes) return false;
      heldBytes += bytes;
      this.#bytes += bytes;
      return true;
    }

    #giveBack(bytes: number): void {
      heldBytes -= bytes;
      this.#bytes -= bytes;
    }

    #release(): void {
      this.#holders -= 1;
      if (this.#holders > 0) return;
      this.#giveBack(this.#bytes);
      this.#bodyBytes = 0;
    }
  }

  return {
    limitBytes,
    mostConnections: Math.max(1024, Math.floor(limitBytes / connectionBytes)),
    heldBytes: () => heldBytes,
    isOverfull: () => heldBytes > limitBytes * 1.5,
    open: (answer) => new Held(answer),
  };
}
