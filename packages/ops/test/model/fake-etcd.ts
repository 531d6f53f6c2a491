import type { RunResult } from '../../src/hosts/host.ts';

/** `pgha-etcdctl` on a store in memory: get, txn with one comparison, and leases that end when a test says so. */
export function createFakeEtcd() {
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
  return {
    stored,
    /** Time passes: whatever a killed command held is free. */
    endLeases: () => [...leases].forEach(endLease),
    run(argv: readonly string[], input: string): RunResult {
      const [verb, second = '', third = ''] = argv;
      if (verb === 'get') return say({ kvs: kvs(second) });
      if (verb === 'txn') return transaction(input);
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
