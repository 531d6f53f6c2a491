import { resourcesOf } from '../synthesized.ts';
import { change, each, type Rule } from './rule.ts';

/** Public rules about instances and their volumes. */
export const machineRules: readonly Rule[] = [
  {
    id: 'CKV_AWS_8: the root volume of an instance is encrypted',
    violations: each('aws_instance', ({ root_block_device: root }) => root?.encrypted === true),
    damage: change('aws_instance', (given) => delete given['root_block_device'].encrypted),
  },
  {
    id: 'CKV_AWS_3, CKV_AWS_189, EC2.3: a volume is encrypted with a key of the account',
    violations: each(
      'aws_ebs_volume',
      (given) => given['encrypted'] === true && /aws_kms_key/.test(given['kms_key_id']),
    ),
    damage: change('aws_ebs_volume', (given) => delete given['kms_key_id']),
  },
  {
    id: 'CKV_AWS_79, EC2.8: the metadata service wants a token',
    violations: each('aws_instance', ({ metadata_options: options }) => options?.http_tokens === 'required'),
    damage: change('aws_instance', (given) => {
      given['metadata_options'].http_tokens = 'optional';
    }),
  },
  {
    id: 'CKV_AWS_341: the metadata service is one hop away',
    violations: each('aws_instance', ({ metadata_options: options }) => options?.http_put_response_hop_limit === 1),
    damage: change('aws_instance', (given) => {
      given['metadata_options'].http_put_response_hop_limit = 2;
    }),
  },
  {
    id: 'CKV_AWS_88, EC2.9: only the API, the monitoring machine and the bastion have a public address',
    violations: (stacks) => [
      ...each('aws_instance', (given) => given['associate_public_ip_address'] !== true)(stacks),
      ...each('aws_eip', (given) =>
        /^\$\{aws_instance\.machines_(.*-)?(api|monitoring|bastion)-\d+\.id\}$/.test(
          given['instance'] ?? `\${aws_instance.machines_bastion-1.id}`,
        ),
      )(stacks),
    ],
    damage: change('aws_eip', (given) => {
      given['instance'] = `\${aws_instance.machines_pg-1.id}`;
    }),
  },
  {
    id: 'CKV_AWS_135: an instance has bandwidth of its own for its volumes',
    violations: each('aws_instance', (given) => given['ebs_optimized'] === true),
    damage: change('aws_instance', (given) => delete given['ebs_optimized']),
  },
  {
    id: 'CKV2_AWS_41: an instance has a role',
    violations: each('aws_instance', (given) => typeof given['iam_instance_profile'] === 'string'),
    damage: change('aws_instance', (given) => delete given['iam_instance_profile']),
  },
  {
    id: 'CKV2_AWS_19: every public address belongs to a machine or the NAT gateway',
    violations: (stacks) =>
      resourcesOf(stacks, 'aws_eip').flatMap(({ stack, name, arguments: given }) =>
        given['instance'] !== undefined ||
        resourcesOf(stacks, 'aws_nat_gateway').some(
          ({ stack: other, arguments: gateway }) =>
            other === stack && gateway['allocation_id'] === `\${aws_eip.${name}.allocation_id}`,
        )
          ? []
          : [`${stack}: aws_eip.${name}`],
      ),
    damage: change('aws_eip', (given) => delete given['instance']),
  },
];
