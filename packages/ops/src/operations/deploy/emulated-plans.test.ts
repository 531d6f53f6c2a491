import { readFile } from 'node:fs/promises';
import { defineCluster, nodeNamed } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import type { RecordedChange } from './fixtures/recording.ts';
import { dangersOf, reviewPlan } from './plan-review.ts';
import { goesWith } from './replace.ts';
import { parseAddress } from './resource-address.ts';

/** What the job "emulated" of terraform.yml planned; null until it was recorded (fixtures/README.md). */
const plans: Record<string, RecordedChange[]> | null = await readFile(
  new URL('fixtures/emulated-plans.snap', import.meta.url),
  'utf8',
).then(
  (text) => JSON.parse(text) as Record<string, RecordedChange[]>,
  () => null,
);
const cluster = defineCluster({ primary: { postgres: 3 } });
const review = (name: string) => {
  const changes = plans?.[name];
  if (changes === undefined) throw new Error(`no plan "${name}" was recorded`);
  return reviewPlan(name, { resource_changes: changes });
};
const dangers = (name: string, node: string) =>
  dangersOf(review(name), goesWith(nodeNamed(cluster, node))).map(({ address }) => address);

describe.skipIf(plans === null)('the plans of the real provider', () => {
  it('have addresses that are read as Terraform means them', () => {
    for (const { address, type, name, index } of Object.values(plans ?? {}).flat()) {
      expect(parseAddress(address), address).toMatchObject({ type, name, key: index ?? null });
    }
  });

  it('have nothing to do a second time', () => {
    for (const name of Object.keys(plans ?? {}).filter((each) => /^(second|after-removal)-/.test(each))) {
      expect(review(name).changes, name).toEqual([]);
    }
  });

  it('are agreed to where a member is replaced, removed and added again', () => {
    expect(dangers('replaced-primary', 'pg-2')).toEqual([]);
    expect(dangersOf(review('replaced-primary')).length).toBeGreaterThan(0);
    expect(dangers('removed-primary', 'pg-3')).toEqual([]);
    expect(dangersOf(review('removed-primary-data'))).toEqual([]);
    expect(dangersOf(review('added-primary-data'))).toEqual([]);
    expect(dangersOf(review('added-primary'))).toEqual([]);
  });

  it('let go of the volume of a member that was removed, and take it in again', () => {
    const of = (name: string) => review(name).changes.filter(({ type }) => type === 'aws_ebs_volume');
    expect(of('removed-primary-data').map(({ action }) => action)).toEqual(['forget']);
    expect(of('added-primary-data').map(({ action }) => action)).toEqual(['import']);
  });
});
