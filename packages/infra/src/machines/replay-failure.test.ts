import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('./programs/pgha-holders.py', import.meta.url));

/** What the machines' own program finds in these lines of the journal, as PostgreSQL 17 and Patroni write them. */
function find(lines: readonly string[]): unknown {
  const script = `import importlib.util, json, sys
spec = importlib.util.spec_from_file_location('holders', sys.argv[1])
holders = importlib.util.module_from_spec(spec)
spec.loader.exec_module(holders)
json.dump(holders.find_failure(sys.stdin.read().splitlines()), sys.stdout)`;
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  return JSON.parse(execFileSync('python3', ['-c', script, program], { input: lines.join('\n'), env }).toString());
}

const tablespace = (pid: number) => [
  `${pid} LOG:  redo starts at 0/4000028`,
  `${pid} FATAL:  directory "/var/lib/postgresql/ts" does not exist`,
  `${pid} HINT:  Create this directory for the tablespace before restarting the server.`,
  `${pid} CONTEXT:  WAL redo at 0/4000110 for Tablespace/CREATE: 16395 "/var/lib/postgresql/ts"`,
];
const patroni = ['INFO: no action. I am (pg-2), a secondary, and following a leader (pg-1)', 'WARNING: starting up'];

describe('the error that ends replay', () => {
  it('is told with its hint and the record that led to it', () => {
    expect(find([...patroni, ...tablespace(41), '40 LOG:  startup process (PID 41) exited with exit code 1'])).toEqual({
      message: 'directory "/var/lib/postgresql/ts" does not exist',
      hint: 'Create this directory for the tablespace before restarting the server.',
      context: 'WAL redo at 0/4000110 for Tablespace/CREATE: 16395 "/var/lib/postgresql/ts"',
    });
  });

  it('is the last one, and none once the server streams', () => {
    const other = ['52 PANIC:  could not open file', '52 CONTEXT:  WAL redo at 0/5 for Heap/INSERT: off: 1'];
    expect(find([...tablespace(41), ...other])).toMatchObject({ message: 'could not open file', hint: null });
    const streams = '60 LOG:  started streaming WAL from primary at 0/4000000 on timeline 1';
    expect(find([...tablespace(41), streams])).toBeNull();
  });

  it('is no error of a client, nor one that replay had no part in', () => {
    const refused = '70 monitoring@pgha [unknown] FATAL:  the database system is starting up';
    const timeout = ['71 FATAL:  could not receive data from WAL stream: timeout', ...patroni];
    expect(find([refused, ...timeout])).toBeNull();
    // lines of two processes may lie between each other
    const [redo = '', fatal = '', hint = '', context = ''] = tablespace(41);
    expect(find([redo, fatal, refused, hint, context])).toMatchObject({ context: expect.stringContaining('CREATE') });
  });
});
