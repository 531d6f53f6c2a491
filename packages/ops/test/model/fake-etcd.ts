import type { RunResult } from '../../src/hosts/host.ts';

/** A member of the model's etcd; one that was announced and never ran has not started. */
interface FakeEtcdMember {
  id: string;
  name: string;
  hostname: string;
  hasStarted: boolean;
}

/**
 * `pgha-etcdctl` on a store in memory: get, txn with one comparison, leases that end when a test says so, and members.
 *
 * @param nodes the members of the first hour.
 */
export function createFakeEtcd(nodes: readonly { name: string; hostname: string }[] = []) {
  const members: FakeEtcdMember[] = nodes.map(({ name, hostname }, index) => ({
    id: `${index + 1}`.padStart(16, 'a'),
    name,
    hostname,
    hasStarted: true,
  }));
  let nextMember = nodes.length + 1;
  const stored = new Map<string, { value: string; revision: number; lease: string | null }>();
  const leases = new Set<string>();
  let revision = 1;
  let nextLease = 1;
  const say = (value: unknown): RunResult => ({
    exitCode: 0,
    stdout: typeof value === 'string' ? value : JSON.stringify(value),
    stderr: '',
  });
  const kvs = (key: string) => {
    const found = stored.get(key);
    return found === undefined
      ? []
      : [{ value: Buffer.from(found.value).toString('base64'), mod_revision: found.revision }];
  };
  const endLease = (lease: string) => {
    leases.delete(lease);
    for (const [key, { lease: held }] of stored) if (held === lease) stored.delete(key);
  };
  const transaction = (input: string): RunResult => {
    // without a comparison it is always done
    if (input.startsWith('\n')) {
      for (const [, key = ''] of input.matchAll(/^del (\S+)$/gm)) stored.delete(key);
      return say({ succeeded: true, responses: [] });
    }
    const [, key = '', wanted = ''] = /^mod\("([^"]+)"\) = "(\d+)"/.exec(input) ?? [];
    if ((stored.get(key)?.revision ?? 0) !== Number(wanted)) {
      return say({ responses: [{ Response: { response_range: { kvs: kvs(key) } } }] });
    }
    const put = /^put \S+ (\S+)(?: --lease=(\S+))?$/m.exec(input);
    revision += 1;
    if (put === null) stored.delete(key);
    else stored.set(key, { value: put[1] ?? '', revision, lease: put[2] ?? null });
    return say({ succeeded: true, responses: [{ Response: {} }] });
  };
  const memberCommand = ([, verb, subject = '', option = '']: readonly string[]): RunResult => {
    if (verb === 'list') {
      const lines = members.map(({ id, name, hostname, hasStarted }) =>
        [
          id,
          hasStarted ? 'started' : 'unstarted',
          hasStarted ? name : '',
          `https://${hostname}:2380`,
          hasStarted ? `https://${hostname}:2379` : '',
          'false',
        ].join(', '),
      );
      return say(lines.join('\n'));
    }
    if (verb === 'add') {
      const hostname = /^--peer-urls=https:\/\/(.+):2380$/.exec(option)?.[1] ?? '';
      if (members.some((member) => member.hostname === hostname)) {
        return { exitCode: 1, stdout: '', stderr: 'Error: etcdserver: Peer URLs already exists' };
      }
      members.push({ id: `${nextMember++}`.padStart(16, 'b'), name: subject, hostname, hasStarted: false });
      return say(`Member added`);
    }
    const at = members.findIndex(({ id }) => id === subject);
    if (verb !== 'remove' || at < 0) return { exitCode: 1, stdout: '', stderr: 'Error: etcdserver: member not found' };
    members.splice(at, 1);
    return say(`Member ${subject} removed`);
  };
  return {
    stored,
    members,
    /** Time passes: whatever a killed command held is free. */
    endLeases: () => [...leases].forEach(endLease),
    run(argv: readonly string[], input: string): RunResult {
      const [verb, second = '', third = ''] = argv;
      if (verb === 'get' && argv.includes('--keys-only')) {
        return say([...stored.keys()].filter((key) => key.startsWith(second)).join('\n'));
      }
      if (verb === 'get') return say({ kvs: kvs(second) });
      if (verb === 'txn') return transaction(input);
      if (verb === 'member') return memberCommand(argv);
      if (verb === 'endpoint' && second === 'health') {
        return say(
          members
            .filter(({ hasStarted }) => hasStarted)
            .map(({ hostname }) => ({ endpoint: `https://${hostname}:2379`, health: true })),
        );
      }
      if (verb === 'lease' && second === 'grant') {
        const lease = `${nextLease++}`.padStart(16, '0');
        leases.add(lease);
        return say(`lease ${lease} granted with TTL(${third}s)`);
      }
      if (verb === 'lease' && second === 'keep-alive') {
        const lease = argv[3] ?? '';
        return leases.has(lease)
          ? say(`lease ${lease} keepalived with TTL(60)`)
          : { exitCode: 2, stdout: '', stderr: 'Error: requested lease not found' };
      }
      if (verb === 'lease' && second === 'revoke') {
        endLease(third);
        return say(`lease ${third} revoked`);
      }
      return { exitCode: 1, stdout: '', stderr: `the model does not know ${argv.join(' ')}` };
    },
  };
}
