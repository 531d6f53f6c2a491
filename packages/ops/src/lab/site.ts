import { allNodes, type Cluster, type Region, regionsOf } from '@pgha/infra/cluster';
import type { Site } from '@pgha/infra/machines';
import type { Authority } from '../secrets/index.ts';
import { awsHosts } from './aws.ts';

/** One bucket of the lab, and the region it is in. */
export interface LabBucket {
  region: Region;
  purpose: 'artifacts' | 'backups';
  name: string;
}

/** The lab's buckets: each region has its own of either kind, because the other region may be lost. */
export function labBuckets(cluster: Cluster): readonly LabBucket[] {
  return regionsOf(cluster).flatMap((region) =>
    (['artifacts', 'backups'] as const).map((purpose) => ({
      region,
      purpose,
      name: `${cluster.project}-${cluster.environment}-${purpose}-${region.kind}`,
    })),
  );
}

/** The name of a region's bucket. */
export function labBucket(cluster: Cluster, region: Region, purpose: LabBucket['purpose']): string {
  const bucket = labBuckets(cluster).find((each) => each.region.kind === region.kind && each.purpose === purpose);
  if (bucket === undefined) throw new Error(`${region.awsRegion} has no bucket for ${purpose}`);
  return bucket.name;
}

/**
 * The lab as a site, seen from one region: AWS's names lead to the stand-in, the private zone is a hosts file, packages are
 * in the image.
 */
export function labSite(cluster: Cluster, region: Region, authority: Authority): Site {
  const names = labBuckets(cluster).map(({ name }) => name);
  return {
    kind: 'lab',
    // the real names: programs are told nothing that they would not be told on EC2
    ssmEndpoint: null,
    s3Endpoint: null,
    extraCa: authority.certificate,
    hosts: { ...machineHosts(cluster), ...awsHosts(cluster, names) },
    packagesPreinstalled: true,
    watchdog: 'none',
    dataDevice: null,
    artifactBucket: labBucket(cluster, region, 'artifacts'),
    backupBuckets: {
      primary: labBucket(cluster, cluster.primary, 'backups'),
      dr: cluster.dr === null ? null : labBucket(cluster, cluster.dr, 'backups'),
    },
  };
}

function machineHosts(cluster: Cluster): Readonly<Record<string, string>> {
  const balancers = regionsOf(cluster).map(({ loadBalancer }: Region) => [
    loadBalancer.hostname,
    // /etc/hosts has one address a name; a resolver would hand out all of them
    loadBalancer.addresses[0] ?? '',
  ]);
  return Object.fromEntries([...allNodes(cluster).map(({ hostname, address }) => [hostname, address]), ...balancers]);
}
