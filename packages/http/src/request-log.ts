/** The log entry of a request. */
export interface RequestLine {
  /** The request's id. */
  req: string;
  /** From its `traceparent`. */
  trace: string | null;
  method: string;
  url: string;
  status: number;
  /** Until the answer was sent. */
  ms: number;
  client: string | undefined;
  /** The name of the key it came with. */
  key: string | null;
}

export interface RequestLog {
  write(line: RequestLine): void;
  /** Writes what has gathered. */
  flush(): void;
}

/** Lines gather this long, … */
const gatherMs = 100;
/** … or until they are worth a write of their own: some hundred of them. */
const gatherBytes = 16_384;
/** UTF-8 has no character longer than this for one of JavaScript's. */
const bytesPerCharacter = 3;

/**
 * One line per request, in the form of the service's other lines (pino's, level 30). Put together by hand and written many at
 * a time: the way over pino costs as much as the answer of a point read.
 */
export function createRequestLog(write: (text: string) => void, now: () => number = Date.now): RequestLog {
  // bytes and not text: the many small parts of a text would live on, and be moved by every garbage collection
  const gathered = Buffer.alloc(gatherBytes);
  let length = 0;
  let timer: NodeJS.Timeout | null = null;
  const time = createClock(now);

  function flush(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (length === 0) return;
    const text = gathered.toString('utf8', 0, length);
    length = 0;
    write(text);
  }

  return {
    write(line) {
      const text = renderRequestLine(time(), line);
      const mostBytes = text.length * bytesPerCharacter;
      if (length + mostBytes > gatherBytes) flush();
      if (mostBytes > gatherBytes) return write(text);
      length += gathered.write(text, length);
      timer ??= setTimeout(flush, gatherMs);
    },
    flush,
  };
}

/** `req` and `method` are the service's own words; everything else that is text may need escaping. */
export function renderRequestLine(time: string, line: RequestLine): string {
  const { req, trace, method, url, status, ms, client, key } = line;
  return `{"level":30,"time":"${time}","req":"${req}"${trace === null ? '' : `,"trace":"${trace}"`},"method":"${method}","url":${JSON.stringify(url)},"status":${status},"ms":${Math.round(ms * 100) / 100}${
    client === undefined ? '' : `,"client":${JSON.stringify(client)}`
  }${key === null ? '' : `,"key":${JSON.stringify(key)}`}}\n`;
}

/** The time of day, rendered once a millisecond however many lines fall into it. */
function createClock(now: () => number): () => string {
  let at = 0;
  let text = '';
  return () => {
    const ms = now();
    if (ms !== at) {
      at = ms;
      text = new Date(ms).toISOString();
    }
    return text;
  };
}
