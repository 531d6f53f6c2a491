import {
  availabilityZone,
  bucketName,
  type Cluster,
  dataVolumeName,
  exchangePrefix,
  membersBeyond,
  membersOf,
  type Region,
} from '../cluster/index.ts';
import { Bucket } from './bucket.ts';
import { accountOf, ClusterStack, type Deployment, type StackName } from './cluster-stack.ts';
import { EncryptionKey } from './encryption-key.ts';
import { addFlowLogGroup } from './flow-logs.ts';
import { SecretsKey } from './secrets-key.ts';
import { type Construct, DataAwsCallerIdentity, DataAwsEbsVolumes, EbsVolume } from './terraform.ts';

/** A release that was uploaded twice. */
const keepReplacedArtifactsDays = 30;

/** What outlives a mistake: the key, the buckets, the data volumes, the logs. `pgha destroy` leaves this stack alone. */
export class DataStack extends ClusterStack {
  constructor(scope: Construct, name: StackName, deployment: Deployment, region: Region) {
    super(scope, name, deployment, region);
    const { cluster } = deployment;
    const account = new DataAwsCallerIdentity(this, 'account').accountId;
    const key = new EncryptionKey(this, 'key', cluster, region, account);
    new SecretsKey(this, 'secrets-key', cluster, region, account);
    this.addBuckets(deployment, region, key.arn);
    this.addVolumes(cluster, region, key.arn);
    if (cluster.flowLogs) addFlowLogGroup(this, 'connections', cluster, key.arn);
  }

  private addBuckets(deployment: Deployment, region: Region, keyArn: string): void {
    const { cluster } = deployment;
    const name = (purpose: 'backups' | 'artifacts') => bucketName(cluster, region, purpose, accountOf(deployment));
    new Bucket(this, 'backups', {
      name: name('backups'),
      keyArn,
      // as long as backups are kept: what somebody deletes on a database machine can be had as long as it would have been there
      keepReplacedDays: Math.max(cluster.backups.retentionDays, cluster.objectLockDays ?? 0),
      passingPrefixes: [],
      lockDays: cluster.objectLockDays,
    });
    new Bucket(this, 'artifacts', {
      name: name('artifacts'),
      keyArn,
      keepReplacedDays: keepReplacedArtifactsDays,
      passingPrefixes: [exchangePrefix],
      lockDays: null,
    });
  }

  private addVolumes(cluster: Cluster, region: Region, keyArn: string): void {
    const volumes = membersOf(region).map((node) => {
      const id = `${node.name}-data`;
      new EbsVolume(this, id, {
        availabilityZone: availabilityZone(region, node.zoneIndex),
        type: 'gp3',
        size: cluster.volumes.dataGib,
        encrypted: true,
        kmsKeyId: keyArn,
        tags: { Name: dataVolumeName(cluster, node), machine: node.name },
        lifecycle: { preventDestroy: true },
      });
      const { fqn: found } = new DataAwsEbsVolumes(this, `${node.name}-found`, {
        filter: [{ name: 'tag:Name', values: [dataVolumeName(cluster, node)] }],
      });
      return { address: `aws_ebs_volume.${id}`, found };
    });
    // A volume that outlived its machine is taken into this stack again with its data, instead of a second one of its name.
    // What the stack has already is not imported; two of a name end the plan, because nobody but a person can choose.
    this.addOverride(
      'import',
      volumes.map(({ address, found }) => ({
        for_each: `\${toset(compact([one(${found}.ids)]))}`,
        to: address,
        id: `\${each.value}`,
      })),
    );
    // Of a machine that was taken out of the configuration the volume stays, and no plan has to do with it any more.
    const removed = membersBeyond(cluster, region).map(({ name }) => ({
      from: `aws_ebs_volume.${name}-data`,
      lifecycle: { destroy: false },
    }));
    if (removed.length > 0) this.addOverride('removed', removed);
  }
}
