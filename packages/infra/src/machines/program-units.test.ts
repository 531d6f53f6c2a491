import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../../test/programs', import.meta.url));
/** Milliseconds; they take seconds on a machine that is at rest. */
const UNIT_TESTS_DEADLINE = 180_000;

it(
  'the programs of the nodes pass their own unit tests',
  () => {
    const tests = ['-m', 'unittest', 'discover', '--buffer', `--start-directory=${folder}`];
    const ended = spawnSync('python3', tests, { encoding: 'utf8', timeout: UNIT_TESTS_DEADLINE });
    if (ended.error !== undefined) {
      const { code } = ended.error as NodeJS.ErrnoException;
      const reasons: Readonly<Record<string, string>> = {
        ENOENT: 'python3 is not installed: the unit tests of the programs need Python 3.11 or newer',
        ETIMEDOUT: `the unit tests of the programs did not finish within ${UNIT_TESTS_DEADLINE / 1000} s`,
      };
      expect.fail(`${reasons[code ?? ''] ?? ended.error.message}\n${ended.stderr ?? ''}`);
    }
    if (ended.status !== 0) expect.fail(`${ended.stdout}\n${ended.stderr}`);
    // a folder in which no test is found is no success
    expect(Number(/^Ran (\d+) tests/m.exec(ended.stderr)?.[1])).toBeGreaterThan(0);
  },
  UNIT_TESTS_DEADLINE + 10_000,
);
