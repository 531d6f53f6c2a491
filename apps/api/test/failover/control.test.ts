import { afterAll, beforeAll, expect, it } from 'vitest';
import { check } from './checker.ts';
import { keepLedger, readMembers } from './ledger.ts';
import { loseAcknowledged } from './replication.ts';
import { renderReport } from './report.ts';
import { type Stack, startStack } from './services.ts';
import { startWorkload } from './workload.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
  await keepLedger(stack);
});
afterAll(async () => {
  await stack?.stop();
});

it('finds the acknowledged writes that asynchronous replication loses: a checker that never fails checks nothing', async () => {
  const { writeUrl, readUrl } = stack;
  const prefix = 'asynchronous';
  const workload = await startWorkload({ writeUrl, readUrl, clients: 50, prefix, thinkMs: 50 });
  try {
    await loseAcknowledged(stack, () => workload.acknowledges(200, 30_000));
    await workload.acknowledges(200, 30_000);
  } finally {
    await workload.stop();
  }
  const history = await workload.stop();
  const verdict = check(history, await readMembers(stack, prefix));
  console.log(renderReport('control: asynchronous replication, primary killed', history, verdict));
  expect(verdict.lost.length).toBeGreaterThan(50);
});
