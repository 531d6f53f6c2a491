import { bucketName, type Cluster, parameterName } from '../../cluster/index.ts';
import { allow, inEach, type Statement } from './statement.ts';

/**
 * What the role that plans pull requests has beside AWS's `ReadOnlyAccess`: Terraform's lock, and no way to a secret. Whoever
 * opens a pull request runs a program with this role.
 */
export function planStatements(cluster: Cluster, account: string): readonly Statement[] {
  const buckets = (purpose: 'state' | 'backups' | 'artifacts') =>
    inEach(cluster, (region) => `arn:aws:s3:::${bucketName(cluster, region, purpose, account)}`);
  return [
    allow(
      'StateLock',
      ['s3:DeleteObject', 's3:PutObject'],
      buckets('state').map((bucket) => `${bucket}/*.tflock`),
    ),
    {
      Sid: 'NoSecrets',
      Effect: 'Deny',
      Action: ['ssm:GetParameter', 'ssm:GetParameterHistory', 'ssm:GetParameters', 'ssm:GetParametersByPath'],
      Resource: inEach(cluster, ({ awsRegion }) => {
        const all = `arn:aws:ssm:${awsRegion}:${account}:parameter${parameterName(cluster, '*')}`;
        // a path is a resource of its own
        return [all, all.replace(/\/\*$/, '')];
      }),
    },
    {
      Sid: 'NoDecryption',
      Effect: 'Deny',
      Action: 'kms:Decrypt',
      Resource: '*',
      // the state itself is encrypted, by way of S3
      Condition: { StringLike: { 'kms:ViaService': 'ssm.*.amazonaws.com' } },
    },
    {
      Sid: 'NoBackups',
      Effect: 'Deny',
      Action: ['s3:GetObject', 's3:GetObjectVersion'],
      Resource: [...buckets('backups'), ...buckets('artifacts')].map((bucket) => `${bucket}/*`),
    },
    {
      Sid: 'NoCommands',
      Effect: 'Deny',
      Action: ['ssm:GetCommandInvocation', 'ssm:ListCommandInvocations', 'ssm:ListCommands'],
      Resource: '*',
    },
  ];
}
