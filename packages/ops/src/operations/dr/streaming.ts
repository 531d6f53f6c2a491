import { membersOf, type Region } from '@pgha/infra/cluster';
import { listMembers } from '../../clients/patronictl.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';

/** Members replay what they missed from the archive first. */
const timeoutMs = 600_000;

/** Waits until a standby region has a leader and every member of it streams. */
export function waitUntilStreaming(
  installation: Pick<Installation, 'host'>,
  region: Region,
  signal: AbortSignal,
): Step {
  return {
    title: `Wait until every member of ${region.awsRegion} is streaming`,
    run: async (report) => {
      await waitUntil(
        async () => {
          const missing = await notStreaming(installation, region);
          if (missing.length === 0) return true;
          report(missing.join(', '));
          throw new Error(missing.join(', '));
        },
        { what: `every member of ${region.awsRegion} to stream`, timeoutMs, everyMs: 1_000, signal },
      );
    },
  };
}

/** The members of a standby region that do not stream, each with what it does instead; also when they have no leader. */
export async function notStreaming(installation: Pick<Installation, 'host'>, region: Region): Promise<string[]> {
  const nodes = membersOf(region);
  const members = await Promise.any(nodes.map((node) => listMembers(installation.host(node)))).catch(() => []);
  const missing = nodes.flatMap(({ name }) => {
    const state = members.find((each) => each.name === name)?.state ?? 'unreachable';
    return state === 'streaming' ? [] : [`${name} is ${state}`];
  });
  const isLed = members.some(({ role }) => role === 'standby_leader');
  return isLed || missing.length > 0 ? missing : [`${region.awsRegion} has no leader`];
}
