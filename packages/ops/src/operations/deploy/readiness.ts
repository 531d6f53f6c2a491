import { type Cluster, membersOf, type Node, ports, type Region } from '@pgha/infra/cluster';
import { caFile } from '@pgha/infra/machines';
import { type Host, HostUnreachableError, runChecked } from '../../hosts/host.ts';
import { waitUntil } from '../../wait-until.ts';

/** A small machine installs its packages over the Internet at its first boot. */
const firstBootTimeoutMs = 20 * 60_000;
/** Initialising, or copying a small database to a replica. */
const clusterTimeoutMs = 20 * 60_000;

/**
 * Waits until each of the machines is what its manifest says.
 *
 * @param report is told what stands in a machine's way whenever that changes, and who is still at it when one is done.
 * @param options.consoleOf what a machine that is unreachable wrote to its console last; null: nothing, or it is not known.
 */
export async function waitForMachines(
  nodes: readonly Node[],
  hostOf: (node: Node) => Host,
  report: (line: string) => void,
  signal: AbortSignal,
  { everyMs = 5_000, consoleOf = async () => null }: FirstBootOptions = {},
): Promise<void> {
  const waiting = new Set(nodes.map(({ name }) => name));
  await Promise.all(
    nodes.map(async (node) => {
      let said = '';
      const explain = explainer(() => consoleOf(node));
      const look = () =>
        isBooted(hostOf(node)).catch(async (error: Error) => {
          const explained = await explain(error);
          if (explained.message !== said) report(explained.message);
          said = explained.message;
          throw explained;
        });
      await waitUntil(look, {
        what: `${node.name} to finish provisioning`,
        timeoutMs: firstBootTimeoutMs,
        everyMs,
        signal,
      });
      waiting.delete(node.name);
      report(waiting.size === 0 ? 'all nodes are provisioned' : `waiting for ${[...waiting].join(', ')}`);
    }),
  );
}

export interface FirstBootOptions {
  everyMs?: number;
  consoleOf?: (node: Node) => Promise<string | null>;
}

/** How an operation on one node waits for it. */
export const firstBoot = ({ consoleOf }: Pick<FirstBootOptions, 'consoleOf'>): FirstBootOptions => ({
  everyMs: 1_000,
  ...(consoleOf === undefined ? {} : { consoleOf }),
});

/** EC2 limits how often a console may be read, and a machine that comes up is entered within a minute. */
const consoleEveryMs = 60_000;

/** Adds a machine's last words on its console to the error that says that it is unreachable. */
function explainer(readConsole: () => Promise<string | null>): (error: Error) => Promise<Error> {
  let readAt = Number.NEGATIVE_INFINITY;
  let words: string | null = null;
  return async (error) => {
    if (!(error instanceof HostUnreachableError)) return error;
    if (Date.now() - readAt >= consoleEveryMs) {
      readAt = Date.now();
      words = await readConsole().catch(() => null);
    }
    return words === null ? error : new HostUnreachableError(`${error.message}. Last lines of its console: ${words}`);
  };
}

async function isBooted(host: Host): Promise<true> {
  const { stdout } = await host.run(['systemctl', 'is-active', 'pgha-machine.service']);
  if (stdout.trim() === 'active') return true;
  const { stdout: journal } = await host.run(['journalctl', '-q', '-t', 'pgha-machine', '-n', '3', '-o', 'cat']);
  throw new Error(`last log line of ${host.name}: ${journal.trim() || 'none yet'}`);
}

/** A member as Patroni's `GET /cluster` tells it. */
export interface Member {
  name: string;
  role: string;
  state: string;
}

/** Waits until a region has a leader and every member is with it. */
export async function waitForCluster(
  cluster: Cluster,
  region: Region,
  hostOf: (node: Node) => Host,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const nodes = membersOf(region);
  const [first] = nodes;
  if (first === undefined) throw new Error(`${region.awsRegion} has no database node`);
  await waitUntil(
    async () => {
      const members = await readMembers(hostOf(first), first);
      const seen = members.map(({ name, role, state }) => `${name} ${role} ${state}`).join(', ') || 'none';
      report(seen);
      if (isComplete(nodes, members)) return true;
      throw new Error(`members known to Patroni: ${seen}`);
    },
    {
      what: `every member of ${cluster.scope} in ${region.awsRegion} to be healthy`,
      timeoutMs: clusterTimeoutMs,
      everyMs: 5_000,
      signal,
    },
  );
}

/** What a member's Patroni knows of all of them. */
async function readMembers(host: Host, { hostname }: Node): Promise<readonly Member[]> {
  const url = `https://${hostname}:${ports.patroni}/cluster`;
  const answer = await runChecked(host, ['curl', '-sS', '--max-time', '10', '--cacert', caFile, url]);
  return (JSON.parse(answer) as { members?: readonly Member[] }).members ?? [];
}

/** Whether every member is there, one of them leads, and the others follow it. */
export function isComplete(nodes: readonly Pick<Node, 'name'>[], members: readonly Member[]): boolean {
  const leads = ({ role }: Member) => role === 'leader' || role === 'standby_leader';
  return (
    members.filter(leads).length === 1 &&
    nodes.every(({ name }) =>
      members.some((member) => member.name === name && ['running', 'streaming'].includes(member.state)),
    )
  );
}
