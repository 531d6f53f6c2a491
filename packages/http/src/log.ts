import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { createRequestLog, type RequestLog } from './request-log.ts';

/** What a service writes to stdout, as JSON, one line an event. */
export interface Log {
  log: Logger;
  /** Null where the level leaves requests out. */
  requestLog: RequestLog | null;
}

export function createLog(level: string): Log {
  const stdout = destination({ fd: 1, sync: true });
  const log = pino({ level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` }, stdout);
  return { log, requestLog: log.isLevelEnabled('info') ? createRequestLog(lines(stdout)) : null };
}

function lines(stream: DestinationStream): (text: string) => void {
  return (text) => void stream.write(text);
}
