import { readFile } from 'node:fs/promises';
import { defineCluster, nodeBeyond, nodeNamed } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { dangersOf, describeDangers, describeReview, reviewPlan } from './plan-review.ts';
import { goesWith } from './replace.ts';

const read = async (name: string) => JSON.parse(await readFile(new URL(`fixtures/${name}`, import.meta.url), 'utf8'));
/** By hand: see fixtures/README.md. */
const handmade = await read('handmade-nodes.json');
const recorded: Record<string, { address: string; type: string }[]> = await read('terraform-plans.snap');

const cluster = defineCluster({ primary: { postgres: 2 } });
const pg2 = nodeNamed(cluster, 'pg-2');
const pg3 = nodeBeyond(cluster, 'pg-3')?.node ?? pg2;

/** A recorded plan with the types that the stacks have in the place of Terraform's own; addresses are as it printed them. */
const asOnAws = (name: string) => ({
  resource_changes: recorded[name]?.map((change) => {
    const type = /-data(\[|$)/.test(change.address) ? 'aws_volume_attachment' : 'aws_instance';
    return { ...change, type, address: change.address.replace('terraform_data.', `${type}.`) };
  }),
});

describe('the plan of a machine that is replaced or removed', () => {
  it.each([
    ['replaced', handmade.replaced, pg2],
    ['removed', handmade.removed, pg3],
    ['replaced, in addresses that Terraform printed', asOnAws('replaced'), pg2],
    ['removed, in addresses that Terraform printed', asOnAws('removed'), pg2],
  ])('is agreed to with all that goes with the machine: %s', (_, plan, node) => {
    const review = reviewPlan('primary', plan);
    const agreed = dangersOf(review, goesWith(node)).map(({ address }) => address);
    expect(agreed.filter((address) => !address.includes('keyed'))).toEqual([]);
    expect(dangersOf(review).map(({ address }) => address)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^aws_volume_attachment\.machines_pg-\d-data\[0\]$/)]),
    );
  });

  it('is refused where another machine, or its volume, would go too', () => {
    const other = (address: string) => ({
      resource_changes: [
        ...handmade.replaced.resource_changes,
        { address, type: /aws_\w+/.exec(address)?.[0], mode: 'managed', change: { actions: ['delete', 'create'] } },
      ],
    });
    for (const address of [
      'aws_instance.machines_pg-1',
      'aws_instance.machines_pg-20',
      'aws_volume_attachment.machines_pg-1-data[0]',
      'aws_volume_attachment.machines_pg-20-data[0]',
      'module.other.aws_volume_attachment.machines_pg-2-data[0]',
      'aws_ebs_volume.pg-2-data',
    ]) {
      const left = dangersOf(reviewPlan('primary', other(address)), goesWith(pg2));
      expect(left.map((each) => each.address)).toEqual([address]);
    }
  });

  it('says what agrees to the rest, in a command that takes it', () => {
    const dangers = dangersOf(reviewPlan('primary', handmade.replaced));
    expect(describeDangers('primary', 'primary', dangers)).toBe(
      'stack primary was not changed: its plan would replace aws_instance.machines_pg-2, ' +
        'replace aws_volume_attachment.machines_pg-2-data[0]. Replace nodes one at a time with "pgha nodes replace"; ' +
        'to permit these changes, run: pgha deploy primary --allow aws_instance.machines_pg-2 ' +
        "--allow 'aws_volume_attachment.machines_pg-2-data[0]'",
    );
  });
});

describe('the data volume of a machine that was removed', () => {
  it('is let go of, which nobody has to agree to', () => {
    const review = reviewPlan('primary-data', handmade.dataAfterRemoval);
    expect(dangersOf(review)).toEqual([]);
    expect(describeReview(review)).toBe('primary-data: 1 to forget\n  forget aws_ebs_volume.pg-3-data\n');
    const printed = reviewPlan('primary', { resource_changes: recorded['removed'] });
    expect(printed.changes.filter(({ action }) => action === 'forget').map(({ address }) => address)).toEqual([
      'terraform_data.pg-2-data',
    ]);
    expect(reviewPlan('primary', { resource_changes: recorded['after'] }).changes).toEqual([]);
  });

  it('is never deleted by a plan', () => {
    const review = reviewPlan('primary-data', handmade.dataBeforeRemovedBlocks);
    expect(dangersOf(review).map(({ address }) => address)).toEqual(['aws_ebs_volume.pg-3-data']);
  });

  it('is taken in again when the machine is added again, although Terraform calls that no operation', () => {
    const review = reviewPlan('primary-data', handmade.dataAddedAgain);
    expect(dangersOf(review)).toEqual([]);
    expect(describeReview(review)).toBe('primary-data: 1 to import\n  import aws_ebs_volume.pg-3-data\n');
  });
});
