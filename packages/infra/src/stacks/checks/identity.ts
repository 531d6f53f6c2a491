import { type Arguments, resourcesOf, type Stacks } from '../synthesized.ts';
import { change, each, list, type Rule, statements } from './rule.ts';

/** Actions that know no resource (Service Authorization Reference). */
const withoutResources = /^(ec2messages:|ssmmessages:|logs:DescribeLogGroups$)/;

const policyTypes = ['aws_iam_role_policy'];
const everyStatement = (stacks: Stacks) =>
  policyTypes.flatMap((type) =>
    resourcesOf(stacks, type).flatMap(({ stack, name, arguments: given }) =>
      statements(given).map((statement) => ({
        where: `${stack}: ${type}.${name} ${statement['Sid'] ?? ''}`,
        statement,
      })),
    ),
  );

const policyChange = (edit: (statement: Arguments) => void) =>
  change('aws_iam_role_policy', (given) => {
    const document = JSON.parse(given['policy']);
    edit(document.Statement[0]);
    given['policy'] = JSON.stringify(document);
  });

/** Public rules about who may do what, and about secrets. */
export const identityRules: readonly Rule[] = [
  {
    id: 'CKV_AWS_169, SNS.4: only this account publishes to a topic',
    violations: each('aws_sns_topic_policy', (given) =>
      statements(given).every(
        ({ Principal: principal, Condition: condition }) =>
          principal.Service === 'cloudwatch.amazonaws.com' &&
          typeof condition?.StringEquals?.['aws:SourceAccount'] === 'string',
      ),
    ),
    damage: change('aws_sns_topic_policy', (given) => {
      given['policy'] = given['policy'].replace('{"Service":"cloudwatch.amazonaws.com"}', '{"AWS":"*"}');
    }),
  },
  {
    id: 'CKV_AWS_60, CKV_AWS_61: a role is assumed by one service',
    violations: each('aws_iam_role', (given) =>
      statements(given, 'assume_role_policy').every(
        ({ Principal: { Service: service, ...others } }) =>
          /^(ec2|vpc-flow-logs)\.amazonaws\.com$/.test(service) && Object.keys(others).length === 0,
      ),
    ),
    damage: change('aws_iam_role', (given) => {
      given['assume_role_policy'] = given['assume_role_policy'].replace('"Service":', '"AWS":');
    }),
  },
  {
    id: 'CKV_AWS_62, CKV_AWS_63, IAM.1, IAM.21: no policy names an action by a wildcard',
    violations: (stacks) =>
      everyStatement(stacks).flatMap(({ where, statement }) =>
        list(statement['Action']).some((action) => action.includes('*')) ? [where] : [],
      ),
    damage: policyChange((statement) => {
      statement['Action'] = 's3:*';
    }),
  },
  {
    id: 'CKV_AWS_288, CKV_AWS_290, CKV_AWS_355: no policy is about every resource where one has a name',
    violations: (stacks) =>
      everyStatement(stacks).flatMap(({ where, statement }) =>
        list(statement['Resource']).includes('*') &&
        !list(statement['Action']).every((action) => withoutResources.test(action))
          ? [where]
          : [],
      ),
    damage: policyChange((statement) => {
      statement['Resource'] = '*';
    }),
  },
  {
    id: 'CKV_AWS_46, CKV_SECRET_6: no secret is made by Terraform, which would keep it in its state',
    violations: (stacks) =>
      Object.entries(stacks).flatMap(([stack, { resource, data }]) => [
        ...Object.keys(resource).filter((type) =>
          /^(aws_ssm_parameter|aws_secretsmanager_.*|random_.*|tls_.*|aws_key_pair|aws_iam_access_key)$/.test(type),
        ),
        ...Object.values(data?.['aws_ssm_parameter'] ?? {}).flatMap(({ name }) =>
          name.startsWith('/aws/service/') ? [] : [`${stack} reads ${name}`],
        ),
      ]),
    damage: (stacks) => {
      const [stack] = Object.values(stacks);
      if (stack !== undefined) stack.resource['aws_ssm_parameter'] = { password: { type: 'SecureString', value: 'x' } };
    },
  },
];
