import { bucketName, type Cluster, type Region } from '../cluster/index.ts';
import type { Site } from './machine.ts';

/**
 * The name under which the one volume besides the root volume is attached. Nitro numbers NVMe disks in the order in which they
 * answer, another one at each start; a volume keeps the name it was attached by, and a rule of Debian's amazon-ec2-utils links
 * that name to the disk (EBS user guide, "Map Amazon EBS volumes to NVMe device names").
 */
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
    dataDevice: dataVolumeDevice,
    artifactBucket: bucketName(cluster, region, 'artifacts', account),
    backupBuckets: {
      primary: bucketName(cluster, cluster.primary, 'backups', account),
      dr: cluster.dr === null ? null : bucketName(cluster, cluster.dr, 'backups', account),
    },
  };
}
