import { isDatabaseError, SchemaVersionError } from '@pgha/db';
import type { Logger } from 'pino';
import { Problem } from './problems.ts';

/** Whether the database has what this release needs. A restore can take it away while the service runs. */
export interface SchemaWatch {
  /** Why the service is not ready; null once and while the schema is current. */
  notReadyBecause(): string | null;
  /** The response to requests while the schema is known to be older than this release; null otherwise. */
  problem(): Problem | null;
  /** Checks once. Returns whether the schema is current; an unreachable database changes nothing. */
  look(): Promise<boolean>;
  /** What an error of the database means, when it is one that a missing migration explains. */
  explain(error: unknown): Promise<Problem | null>;
}

/** A statement that a request waits for: it has waited for its own already. */
const explainWithinMs = 2_000;

/** undefined_table, undefined_column, undefined_function, undefined_object, invalid_schema_name, wrong types included. */
const missingStates = new Set(['42P01', '42703', '42883', '42704', '3F000', '42804', '42P10']);

/** `check` throws `SchemaVersionError` when migrations are missing, and returns those that this release does not know. */
export function createSchemaWatch(
  check: () => Promise<{ newer: string[] }>,
  log: Pick<Logger, 'error' | 'info'>,
): SchemaWatch {
  let isCurrent = false;
  let missing: SchemaVersionError | null = null;
  let told = '';

  function tell(level: 'error' | 'info', text: string): void {
    if (text !== told) log[level](text);
    told = text;
  }

  async function look(): Promise<boolean> {
    try {
      const { newer } = await check();
      if (missing !== null) tell('info', 'the database schema is up to date again');
      missing = null;
      isCurrent = true;
      if (newer.length > 0) tell('info', `the database has migrations of a newer release: ${newer.join(', ')}`);
    } catch (error) {
      if (error instanceof SchemaVersionError) {
        missing = error;
        isCurrent = false;
        tell('error', error.message);
      }
    }
    return isCurrent;
  }

  function problem(): Problem | null {
    return missing && new Problem('schema-outdated', `${missing.message}.`, { headers: { 'retry-after': '5' } });
  }

  return {
    notReadyBecause() {
      if (isCurrent) return null;
      return missing?.message ?? 'the database schema has not been checked yet; if it is missing, run `pgha migrate`';
    },
    problem,
    look,
    async explain(error) {
      if (!isDatabaseError(error) || !missingStates.has(error.code)) return null;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, explainWithinMs);
      });
      await Promise.race([look(), late]);
      clearTimeout(timer);
      return problem();
    },
  };
}
