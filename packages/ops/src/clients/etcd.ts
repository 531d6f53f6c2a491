import { CommandTimeoutError, type Host, HostUnreachableError, type RunOptions, runChecked } from '../hosts/host.ts';
import { reasonIn } from '../hosts/said.ts';

/** A key's value, and the revision at which it was last written: what a compare-and-swap compares. */
interface StoredValue {
  value: string;
  revision: number;
}

/** One region's etcd. */
export interface Etcd {
  read(key: string): Promise<StoredValue | null>;
  /**
   * Writes a key if it is still at the revision (0: if it is not there).
   *
   * @param value without white space or quotes: it is a word of etcdctl's transaction text.
   * @param lease whose end removes the key; null: it stays.
   * @returns null when it was written, else what is there instead.
   */
  swap(key: string, revision: number, value: string, lease: string | null): Promise<StoredValue | null>;
  /** Removes a key if it is still at the revision. */
  remove(key: string, revision: number): Promise<boolean>;
  /** The keys that begin so, in their order. */
  keys(prefix: string): Promise<readonly string[]>;
  /** Removes these keys at once. */
  removeAll(keys: readonly string[]): Promise<void>;
  /** A lease's id, as etcdctl writes it. */
  grantLease(seconds: number): Promise<string>;
  /** Renews a lease once; false when it has ended. */
  keepAlive(lease: string): Promise<boolean>;
  revokeLease(lease: string): Promise<void>;
}

/** Without a quorum etcd itself gives up after 5 s per try. */
const timeoutMs = 30_000;

/**
 * etcd by way of `pgha-etcdctl` on its own machines: the first one that is reachable speaks for all.
 *
 * @param hosts the region's etcd machines.
 */
export function etcdOn(hosts: readonly Host[]): Etcd {
  const etcdctl = (argv: readonly string[], options: RunOptions = {}) =>
    onFirst(hosts, (host) => runOnReady(host, ['pgha-etcdctl', ...argv], { timeoutMs, ...options }));
  /** What changes nothing may be asked again: a machine that hangs does not speak for all. */
  const ask = (argv: readonly string[]) =>
    onFirst(hosts, (host) => runOnReady(host, ['pgha-etcdctl', ...argv], { timeoutMs }), true);
  const transaction = async (key: string, revision: number, success: string): Promise<Transaction> => {
    const input = `mod("${key}") = "${revision}"\n\n${success}\n\nget ${key}\n\n`;
    return JSON.parse(await etcdctl(['txn', '--write-out=json'], { input })) as Transaction;
  };
  return {
    read: async (key) => {
      const { kvs = [] } = JSON.parse(await ask(['get', key, '--write-out=json'])) as { kvs?: readonly RawValue[] };
      return storedIn(kvs);
    },
    swap: async (key, revision, value, lease) => {
      const attached = lease === null ? '' : ` --lease=${lease}`;
      const { succeeded = false, responses = [] } = await transaction(key, revision, `put ${key} ${value}${attached}`);
      return succeeded
        ? null
        : (storedIn(responses[0]?.Response.response_range?.kvs ?? []) ?? { value: '', revision: 0 });
    },
    remove: async (key, revision) => (await transaction(key, revision, `del ${key}`)).succeeded ?? false,
    keys: async (prefix) =>
      (await ask(['get', prefix, '--prefix', '--keys-only'])).split('\n').filter((line) => line !== ''),
    removeAll: async (keys) => {
      // no comparison: it is always done
      const input = `\n${keys.map((key) => `del ${key}\n`).join('')}\n\n`;
      if (keys.length > 0) await etcdctl(['txn', '--write-out=json'], { input });
    },
    grantLease: async (seconds) => {
      const said = await etcdctl(['lease', 'grant', `${seconds}`]);
      const lease = /^lease ([0-9a-f]+) granted/.exec(said)?.[1];
      if (lease === undefined) throw new Error(`etcd did not grant a lease: ${said}`);
      return lease;
    },
    keepAlive: async (lease) => {
      try {
        return / keepalived with TTL\([1-9]/.test(await etcdctl(['lease', 'keep-alive', '--once', lease]));
      } catch (error) {
        if (/requested lease not found/.test((error as Error).message)) return false;
        throw error;
      }
    },
    revokeLease: async (lease) => {
      await etcdctl(['lease', 'revoke', lease]);
    },
  };
}

/** A shell that finds no such program, and pgha-etcdctl while the machine has no login yet. */
const notReadyCodes: readonly number[] = [127, 78];

/**
 * Runs a command that has to succeed.
 *
 * @throws HostUnreachableError on a machine that is new and has not come so far: nothing was asked of etcd.
 */
function runOnReady(host: Host, argv: readonly string[], options: RunOptions): Promise<string> {
  const run: Host['run'] = async (...command) => {
    const result = await host.run(...command);
    if (!notReadyCodes.includes(result.exitCode)) return result;
    throw new HostUnreachableError(`${host.name} is not provisioned yet: ${reasonIn(result.stderr)}`);
  };
  return runChecked({ ...host, run }, argv, options);
}

/**
 * Does something on the first of the hosts that is reachable; what the others say is not asked.
 *
 * @param isHarmless it may be done on another host when the first one did not answer in time.
 */
async function onFirst<T>(hosts: readonly Host[], work: (host: Host) => Promise<T>, isHarmless = false): Promise<T> {
  const reasons: string[] = [];
  for (const host of hosts) {
    try {
      return await work(host);
    } catch (error) {
      const isElsewhere = error instanceof HostUnreachableError || (isHarmless && error instanceof CommandTimeoutError);
      if (!isElsewhere) throw error;
      reasons.push(error.message);
    }
  }
  throw new HostUnreachableError(`no etcd node is reachable: ${reasons.join('; ') || 'there is none'}`);
}

interface RawValue {
  value?: string;
  mod_revision: number;
}

interface Transaction {
  succeeded?: boolean;
  responses?: readonly { Response: { response_range?: { kvs?: readonly RawValue[] } } }[];
}

function storedIn(kvs: readonly RawValue[]): StoredValue | null {
  const [first] = kvs;
  if (first === undefined) return null;
  return { value: Buffer.from(first.value ?? '', 'base64').toString(), revision: first.mod_revision };
}
