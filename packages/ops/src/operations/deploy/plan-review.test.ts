import { describe, expect, it } from 'vitest';
import { dangersOf, describeReview, reviewPlan } from './plan-review.ts';

const change = (address: string, ...actions: string[]) => ({
  address,
  type: address.replace(/\..*/, ''),
  mode: address.startsWith('data.') ? 'data' : 'managed',
  change: { actions },
});

const plan = {
  resource_changes: [
    change('aws_instance.machines_pg-1', 'no-op'),
    change('aws_instance.machines_pg-2', 'delete', 'create'),
    change('aws_ebs_volume.pg-3-data', 'create'),
    change('aws_route53_record.zone_pg-3', 'create', 'delete'),
    change('aws_lb.load-balancer_nlb', 'update'),
    change('aws_subnet.network_private-a', 'delete'),
    { ...change('aws_caller_identity.account', 'read'), mode: 'data' },
  ],
};

describe('a plan', () => {
  const review = reviewPlan('primary', plan);

  it('is what changes, and nothing that is only looked at', () => {
    expect(review.changes.map(({ action, address }) => `${action} ${address}`)).toEqual([
      'replace aws_instance.machines_pg-2',
      'create aws_ebs_volume.pg-3-data',
      'replace aws_route53_record.zone_pg-3',
      'update aws_lb.load-balancer_nlb',
      'delete aws_subnet.network_private-a',
    ]);
  });

  it('is dangerous where machines, data or addresses would go, unless that was agreed to by name', () => {
    expect(dangersOf(review).map(({ address }) => address)).toEqual([
      'aws_instance.machines_pg-2',
      'aws_subnet.network_private-a',
    ]);
    expect(dangersOf(review, ['aws_instance.machines_pg-2']).map(({ address }) => address)).toEqual([
      'aws_subnet.network_private-a',
    ]);
  });

  it('is told in a line, and by name where something is not simply made', () => {
    expect(describeReview(review)).toBe(
      'primary: 1 to create, 1 to update, 2 to replace, 1 to delete\n' +
        '  replace aws_instance.machines_pg-2\n' +
        '  replace aws_route53_record.zone_pg-3\n' +
        '  update aws_lb.load-balancer_nlb\n' +
        '  delete aws_subnet.network_private-a\n',
    );
    expect(describeReview(reviewPlan('dr', {}))).toBe('dr: nothing to change\n');
  });
});
