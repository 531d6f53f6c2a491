import { describe, expect, it } from 'vitest';
import { type Synthesized, synthesize } from '../synthesized.ts';
import { everyOption } from './every-option.config.ts';
import { brokenReferences } from './references.ts';

describe.each([
  ['the example', {}],
  ['one region', { dr: null, monitoring: false }],
  ['every option', everyOption],
] as const)('the references of %s', (_, input) => {
  it.each(Object.entries(synthesize(input, '123456789012')))('lead to something: %s', (_name, stack) => {
    expect(brokenReferences(stack)).toEqual([]);
  });
});

describe('the check of references', () => {
  const damaged = (edit: (stack: Synthesized) => void): readonly string[] => {
    const stack = synthesize({}).primary;
    if (stack === undefined) throw new Error('no primary stack');
    edit(stack);
    return brokenReferences(stack);
  };
  const vpc = 'aws_vpc.network_vpc';

  it('notices what is gone, wherever it is referred to', () => {
    const said = damaged((stack) => {
      stack.resource['aws_vpc'] = {};
      delete stack.data['aws_ebs_volumes']?.['machines_pg-1-volume'];
      delete stack.variable['machine_image'];
      delete stack.resource['aws_lb'];
    });
    expect(said).toContain(`aws_subnet.network_private-a refers to ${vpc}, which does not exist`);
    expect(said).toContain(
      'aws_volume_attachment.machines_pg-1-data refers to data.aws_ebs_volumes.machines_pg-1-volume, which does not exist',
    );
    expect(said).toContain('aws_instance.machines_pg-1 refers to var.machine_image, which does not exist');
    expect(said).toContain('output.load_balancer_dns_name refers to aws_lb.load-balancer_nlb, which does not exist');
  });

  it('notices an order that cannot be kept', () => {
    const said = damaged((stack) => {
      const [gateway] = Object.values(stack.resource['aws_internet_gateway'] ?? {});
      const [network] = Object.values(stack.resource['aws_vpc'] ?? {});
      if (gateway !== undefined) gateway['depends_on'] = ['aws_eip.no-such-address'];
      if (network !== undefined) network['tags'].Name = `\${aws_subnet.network_private-a.id}`;
    });
    expect(said).toContain(
      'aws_internet_gateway.network_gateway refers to aws_eip.no-such-address, which does not exist',
    );
    expect(said.some((line) => line.includes(`${vpc} needs aws_subnet.network_private-a needs ${vpc}`))).toBe(true);
  });

  it('notices a volume that is taken in or let go of against the rest of the stack', () => {
    const stack = structuredClone(synthesize({})['primary-data']);
    if (stack === undefined) throw new Error('no such stack');
    delete stack.resource['aws_ebs_volume']?.['pg-1-data'];
    stack.removed?.push({ from: 'aws_ebs_volume.pg-2-data', lifecycle: { destroy: false } });
    expect(brokenReferences(stack)).toEqual([
      'aws_ebs_volume.pg-2-data is removed, and is there: Terraform refuses both',
      'import of aws_ebs_volume.pg-1-data refers to aws_ebs_volume.pg-1-data, which does not exist',
    ]);
  });

  it('notices names that are none, and a provider that nobody configured', () => {
    const said = damaged((stack) => {
      stack.resource['aws_vpc'] = { ...stack.resource['aws_vpc'], '2nd': { provider: 'aws.elsewhere' } };
    });
    expect(said).toContain('aws_vpc.2nd is no name: Terraform wants a letter first');
    expect(said).toContain('aws_vpc.2nd refers to aws.elsewhere, which does not exist');
  });
});
