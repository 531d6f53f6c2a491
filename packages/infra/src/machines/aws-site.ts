import { bucketName, type Cluster, type Region } from '../cluster/index.ts';
import type { Site } from './machine.ts';

/** EC2's name for the one volume that is attached besides the root volume; Nitro shows it to Linux as `dataDevice`. */
export const dataVolumeDevice = '/dev/sdf';

/**
 * AWS as a site, seen from one region: what differs from the lab is here and nowhere else.
 *
 * @param account twelve digits; buckets are named after it.
 */
export function awsSite(cluster: Cluster, region: Region, account: string): Site {
  return {
    kind: 'aws',
    ssmEndpoint: null,
    s3Endpoint: null,
    extraCa: null,
    hosts: {},
    packagesPreinstalled: false,
    watchdog: 'softdog',
    dataDevice: '/dev/nvme1n1',
    artifactBucket: bucketName(cluster, region, 'artifacts', account),
    backupBuckets: {
      primary: bucketName(cluster, cluster.primary, 'backups', account),
      dr: cluster.dr === null ? null : bucketName(cluster, cluster.dr, 'backups', account),
    },
  };
}
