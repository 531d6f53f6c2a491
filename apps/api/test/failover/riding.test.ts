import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { check, isClean } from './checker.ts';
import { tally } from './history.ts';
import { keepLedger, readMembers } from './ledger.ts';
import { duringCommits } from './replication.ts';
import { renderReport } from './report.ts';
import { type Stack, startStack } from './services.ts';
import { startWorkload } from './workload.ts';

const clients = 200;
/** A request of each client every tenth of a second at most: the machine stays free enough to notice a fault at once. */
const thinkMs = 100;
/** Enough for every client to have done several things of each kind. */
const warmWrites = 1_000;
const writesAfterwards = 1_000;
/** The write deadline, in which a held request is answered or given up. */
const deadlineMs = 45_000;
/** Half of the service's connections; the others wait for rows that these have locked. */
const committing = 10;
const resets = 3;
/** By then a silent connection is found, given up, and what it carried is answered over another. */
const noticedMs = 15_000;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
  await keepLedger(stack);
});
afterAll(async () => {
  await stack?.stop();
});

/** Runs the workload through `fault`, and requires that no client noticed more than a pause. */
async function rideThrough(
  scenario: string,
  fault: (stack: Stack) => Promise<void>,
): Promise<{ longestGapMs: number }> {
  const { writeUrl, readUrl } = stack;
  const prefix = scenario.replaceAll(' ', '-');
  const workload = await startWorkload({ writeUrl, readUrl, clients, prefix, thinkMs });
  try {
    await workload.acknowledges(warmWrites, deadlineMs);
    await fault(stack);
    await workload.acknowledges(writesAfterwards, deadlineMs);
  } finally {
    await workload.stop();
  }
  const history = await workload.stop();
  const verdict = check(history, await readMembers(stack, prefix));
  console.log(renderReport(scenario, history, verdict));
  const { errors, longestGapMs } = tally(history);
  expect(errors).toEqual({});
  expect(verdict).toSatisfy(isClean);
  return { longestGapMs };
}

describe(`${clients} clients doing POST, PUT, PATCH, DELETE and GET notice nothing but a pause when`, () => {
  it('the primary is stopped and the replica promoted', async () => {
    await rideThrough(
      'primary stopped',
      expectPromotion(({ pair }) => pair.stopPrimary('fast')),
    );
  });

  it('the primary is killed', async () => {
    await rideThrough(
      'primary killed',
      expectPromotion(async ({ pair }) => pair.killPrimary()),
    );
  });

  it('the primary is killed while its connections are committing', async () => {
    await rideThrough(
      'primary killed mid-commit',
      expectPromotion((each) => duringCommits(each, { atLeast: committing, fault: () => each.pair.killPrimary() })),
    );
  });

  it('every connection is reset, time and again, while they are committing', async () => {
    await rideThrough('connections reset mid-commit', async (each) => {
      const before = each.pair.primary();
      for (let round = 0; round < resets; round += 1) {
        await duringCommits(each, {
          atLeast: committing,
          fault: () => {
            each.pair.resetConnections('primary');
            each.pair.resetConnections('replica');
          },
        });
      }
      expect(each.pair.primary()).toBe(before);
    });
  });

  it('every connection goes silent while they are committing: nothing is closed, nothing comes through', async () => {
    let before = '';
    const { longestGapMs } = await rideThrough('connections muted mid-commit', async (each) => {
      before = each.pair.primary();
      await duringCommits(each, {
        atLeast: committing,
        fault: () => {
          each.pair.muteConnections('primary');
          each.pair.muteConnections('replica');
        },
      });
    });
    expect(stack.pair.primary()).toBe(before);
    expect(longestGapMs).toBeLessThan(noticedMs);
  });

  it('the new primary is up only after 20 s', async () => {
    const { longestGapMs } = await rideThrough(
      'primary killed and nobody promoted for 20 s',
      expectPromotion(async ({ pair }) => {
        pair.promoteAfter(20_000);
        pair.killPrimary();
      }),
    );
    expect(longestGapMs).toBeGreaterThan(19_000);
  });

  it('the replica is killed and comes back', async () => {
    await rideThrough('replica killed', async ({ pair }) => {
      pair.killReplica();
      await pair.startStopped();
    });
  });
});

/** `fault`, and then another primary than before. */
function expectPromotion(fault: (stack: Stack) => Promise<void>): (stack: Stack) => Promise<void> {
  return async (each) => {
    const before = each.pair.primary();
    await fault(each);
    await vi.waitUntil(() => each.pair.primary() !== before, { timeout: deadlineMs, interval: 20 });
  };
}
