import {
  availabilityZone,
  bucketName,
  type Cluster,
  dataVolumeName,
  exchangePrefix,
  membersOf,
  type Region,
} from '../cluster/index.ts';
import { Bucket } from './bucket.ts';
import { accountOf, ClusterStack, type Deployment, type StackName } from './cluster-stack.ts';
import { EncryptionKey } from './encryption-key.ts';
import { addFlowLogGroup } from './flow-logs.ts';
import { SecretsKey } from './secrets-key.ts';
import { type Construct, DataAwsCallerIdentity, EbsVolume } from './terraform.ts';

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
    for (const node of membersOf(region)) {
      new EbsVolume(this, `${node.name}-data`, {
        availabilityZone: availabilityZone(region, node.zoneIndex),
        type: 'gp3',
        size: cluster.volumes.dataGib,
        encrypted: true,
        kmsKeyId: keyArn,
        tags: { Name: dataVolumeName(cluster, node), machine: node.name },
        lifecycle: { preventDestroy: true },
      });
    }
  }
}
