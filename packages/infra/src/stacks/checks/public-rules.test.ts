import { describe, expect, it } from 'vitest';
import type { ClusterInput } from '../../cluster/index.ts';
import { synthesize } from '../synthesized.ts';
import { everyOption } from './every-option.config.ts';
import { networksWithoutLogs } from './network.ts';
import { publicRules } from './public-rules.ts';

const configurations: readonly (readonly [string, ClusterInput])[] = [
  ['the example', {}],
  ['one region, three members', { primary: { postgres: 3 }, dr: null, monitoring: false }],
  ['every option', everyOption],
];

describe.each(configurations)('the stacks of %s', (_, input) => {
  const stacks = synthesize(input);

  it.each(publicRules.map((rule) => [rule.id, rule] as const))('%s', (_id, rule) => {
    expect(rule.violations(stacks)).toEqual([]);
  });
});

describe('the checks themselves', () => {
  const sound = synthesize({});

  it.each(publicRules.map((rule) => [rule.id, rule] as const))('notice what breaks %s', (_, rule) => {
    const stacks = structuredClone(sound);
    rule.damage(stacks);
    expect(rule.violations(stacks)).not.toEqual([]);
  });
});

describe('CKV2_AWS_11, EC2.6: the connections of a network', () => {
  it('are logged when the configuration says so', () => {
    expect(networksWithoutLogs(synthesize({ flowLogs: true }))).toEqual([]);
    expect(networksWithoutLogs(synthesize({ flowLogs: false }))).toHaveLength(2);
  });
});
