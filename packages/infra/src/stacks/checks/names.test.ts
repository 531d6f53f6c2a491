import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClusterInput, defineCluster, InvalidClusterError } from '../../cluster/index.ts';
import { type Arguments, resourcesOf, synthesize } from '../synthesized.ts';

/** What each service accepts as a name, from its own API reference. */
const limits: readonly { type: string; name: (given: Arguments) => string; accepted: RegExp }[] = [
  {
    type: 'aws_s3_bucket',
    name: ({ bucket }) => bucket,
    accepted: /^(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
  },
  { type: 'aws_lb', name: ({ name }) => name, accepted: /^(?!internal-)[a-zA-Z0-9]([a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?$/ },
  { type: 'aws_lb_target_group', name: ({ name }) => name, accepted: /^[a-zA-Z0-9]([a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?$/ },
  { type: 'aws_iam_role', name: ({ name }) => name, accepted: /^[\w+=,.@-]{1,64}$/ },
  { type: 'aws_iam_role', name: ({ path }) => path, accepted: /^\/[\x21-\x7e]{0,510}\/$/ },
  { type: 'aws_iam_instance_profile', name: ({ name }) => name, accepted: /^[\w+=,.@-]{1,128}$/ },
  { type: 'aws_iam_role_policy', name: ({ name }) => name, accepted: /^[\w+=,.@-]{1,128}$/ },
  {
    type: 'aws_security_group',
    name: ({ name }) => name,
    accepted: /^(?!sg-)[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/,
  },
  { type: 'aws_kms_alias', name: ({ name }) => name, accepted: /^alias\/(?!aws\/)[a-zA-Z0-9/_-]{1,250}$/ },
  { type: 'aws_sns_topic', name: ({ name }) => name, accepted: /^[a-zA-Z0-9_-]{1,256}$/ },
  { type: 'aws_cloudwatch_metric_alarm', name: ({ alarm_name }) => alarm_name, accepted: /^.{1,255}$/ },
  { type: 'aws_cloudwatch_log_group', name: ({ name }) => name, accepted: /^(?!aws\/)[\w./#-]{1,512}$/ },
  // labels of 63, 255 in all (RFC 1035)
  {
    type: 'aws_route53_record',
    name: ({ name }) => name,
    accepted: /^(?=.{1,255}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/,
  },
  // EC2's tags: 256 characters
  { type: 'aws_ebs_volume', name: ({ tags }) => tags.Name, accepted: /^.{1,256}$/ },
  { type: 'aws_instance', name: ({ tags }) => tags.Name, accepted: /^.{1,256}$/ },
];

const word = (longest: number) =>
  fc.oneof(
    fc.stringMatching(new RegExp(`^[a-z][a-z0-9]([a-z0-9-]{0,${longest - 3}}[a-z0-9])?$`)),
    fc.constantFrom(
      'sg-',
      'aws-x',
      'ssmtest',
      'sthree-a',
      'amzn-s3-demo-x',
      'internal-x',
      'xn--a',
      'a'.repeat(longest),
    ),
  );

function isAccepted(input: ClusterInput): boolean {
  try {
    defineCluster(input);
    return true;
  } catch (error) {
    if (error instanceof InvalidClusterError) return false;
    throw error;
  }
}

describe('every name', () => {
  it('is one that AWS accepts, for any configuration that is not refused', () => {
    fc.assert(
      fc.property(
        word(16),
        word(12),
        fc.stringMatching(/^[a-z][a-z0-9]{0,7}-$/),
        (project, environment, namePrefix) => {
          const input = {
            project,
            environment,
            primary: { awsRegion: 'ap-southeast-1', postgres: 3, etcd: 5 },
            dr: { awsRegion: 'ap-northeast-1', postgres: 3, etcd: 3, apiServer: true, namePrefix },
            flowLogs: true,
          };
          // what is refused is drawn again: every run renders names
          fc.pre(isAccepted(input));
          const stacks = synthesize(input, '123456789012');
          for (const { type, name, accepted: pattern } of limits) {
            const found = resourcesOf(stacks, type);
            expect(found.length, type).toBeGreaterThan(0);
            for (const { stack, arguments: given } of found)
              expect(name(given), `${type} in ${stack}`).toMatch(pattern);
            const byStack = found.map(({ stack, arguments: given }) => `${stack} ${name(given)}`);
            if (type !== 'aws_iam_role_policy' && pattern !== limits[4]?.accepted) {
              expect(new Set(byStack).size, `${type} twice`).toBe(byStack.length);
            }
          }
        },
      ),
      {
        numRuns: 12,
        examples: [
          ['abcdefghijklmnop', 'staging-eu-1', 'secondr-'],
          ['internal-x', 'pr', 'd-'],
        ],
      },
    );
    // a dozen renderings of five stacks
  }, 60_000);
});
