import { bucketName, type Cluster, deploymentName, type Region, unknownAccount } from '../cluster/index.ts';
import { AwsProvider, type Construct, LocalBackend, S3Backend, TerraformElement, TerraformStack } from './terraform.ts';

/** What a rendering takes besides the cluster: nothing of it is asked for over the network. */
export interface Deployment {
  cluster: Cluster;
  /** The AWS account, twelve digits; null: nobody logged in, and names carry zeros in its place. */
  account: string | null;
}

/** The names of the stacks; each is a folder of `cdktf.out/stacks` and an object of the state bucket. */
export type StackName = 'primary-data' | 'primary' | 'dr-data' | 'dr' | 'peering';

/** The account in names of buckets. */
export function accountOf({ account }: Deployment): string {
  return account ?? unknownAccount;
}

/** What every stack has: one region's provider, its state, tags, and names without digests. */
export abstract class ClusterStack extends TerraformStack {
  readonly region: Region;

  /**
   * @param region whose bucket keeps the state: a region must be deployable while the other one is lost.
   */
  constructor(scope: Construct, name: StackName, deployment: Deployment, region: Region) {
    super(scope, name);
    this.region = region;
    this.addOverride('terraform.required_version', '>= 1.11.0');
    this.addState(name, deployment);
    this.addProvider(name, deployment, region);
  }

  /** Another region's provider, for what spans both; resources name it explicitly. */
  protected addProvider(name: StackName, { cluster, account }: Deployment, region: Region): AwsProvider {
    const isOwn = region.kind === this.region.kind;
    return new AwsProvider(this, `aws-${region.kind}`, {
      region: region.awsRegion,
      ...(isOwn ? {} : { alias: region.kind }),
      // names were rendered for this account; another one's credentials must not create them
      ...(account === null ? {} : { allowedAccountIds: [account] }),
      defaultTags: [{ tags: { project: cluster.project, environment: cluster.environment, stack: name } }],
    });
  }

  private addState(name: StackName, deployment: Deployment): void {
    const { cluster, account } = deployment;
    if (cluster.state === 'local' || account === null) {
      // relative: the command says where, and the rendering is the same on every machine
      new LocalBackend(this, { path: 'terraform.tfstate' });
      return;
    }
    new S3Backend(this, {
      bucket: bucketName(cluster, this.region, 'state', account),
      key: `${deploymentName(cluster)}/${name}.tfstate`,
      region: this.region.awsRegion,
      encrypt: true,
    });
    // Terraform's own lock, an object beside the state; cdktf's class is older than it
    this.addOverride('terraform.backend.s3.use_lockfile', true);
  }

  /** `network/vpc` becomes `network_vpc`: addresses people type into `-replace` carry no digest. */
  protected override allocateLogicalId(element: TerraformElement | Construct['node']): string {
    const { scopes } = element instanceof TerraformElement ? element.node : element;
    return scopes
      .slice(scopes.indexOf(this) + 1)
      .map(({ node }) => node.id)
      .join('_');
  }
}
