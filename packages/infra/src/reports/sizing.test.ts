import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { connectionBudget, defineCluster, instanceTypeNamed, nodesOf } from '../cluster/index.ts';
import { machineParameters } from '../machines/config/postgresql.ts';

const docs = new URL('../../../../docs/', import.meta.url);
const types = ['t3.micro', 't3.small', 't3.medium', 't3.large', 't3.xlarge', 'r7i.xlarge', 'r7i.2xlarge'];

/** A row of the table: the memory, and what a cluster of such nodes is given. */
function rowOf(type: string, decimal: string): string {
  const of = (postgres: number) => defineCluster({ primary: { postgres }, instanceTypes: { postgres: type } });
  const cluster = of(2);
  const [node] = nodesOf(cluster.primary, 'postgres');
  if (node === undefined) throw new Error('a cluster without a PostgreSQL node');
  const { shared_buffers: buffers, work_mem: workMem } = machineParameters(cluster, node, {
    certificate: '',
    key: '',
    ca: '',
  });
  const workMemMb = (Number.parseInt(`${workMem}`, 10) / 1024).toFixed(1).replace('.', decimal);
  const pools = [2, 3].map((count) => connectionBudget(of(count), of(count).primary).pgbouncer).join(' / ');
  const { maxConnections } = connectionBudget(cluster, cluster.primary);
  const memory = `${instanceTypeNamed(type).memoryMib / 1024} GiB (${type})`;
  return `| ${memory} | ${Number.parseInt(`${buffers}`, 10)} MB | ${workMemMb} MB | ${maxConnections} | ${pools} |`;
}

describe('the page on sizing', () => {
  const pages = ['sizing.md', 'pt-BR/sizing.md'].filter((name) =>
    readdirSync(docs, { recursive: true, encoding: 'utf8' }).includes(name),
  );

  it.each(pages)('%s has what nodes of these types are given', (name) => {
    const text = readFileSync(new URL(name, docs), 'utf8');
    for (const type of types) expect(text).toContain(rowOf(type, name.startsWith('pt-BR') ? ',' : '.'));
  });
});
