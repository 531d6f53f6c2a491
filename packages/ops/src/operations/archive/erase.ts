import { DeleteObjectsCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import type { Region } from '@pgha/infra/cluster';
import type { Installation } from '../../installation/installation.ts';

/**
 * Removes everything below a path of a region's backup bucket; may be run again. Where the bucket keeps former versions or is locked,
 * they go when its own rules let them.
 */
export async function eraseRepository(
  installation: Pick<Installation, 's3' | 'site' | 'cluster'>,
  region: Region,
  path: string,
): Promise<void> {
  const { backupBuckets } = installation.site(region);
  const bucket = region.kind === 'primary' ? backupBuckets.primary : backupBuckets.dr;
  if (bucket === null) return;
  const client = installation.s3(region);
  for await (const { Contents: contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: path })) {
    const keys = contents.flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
    if (keys.length === 0) continue;
    const { Errors: errors = [] } = await client.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys, Quiet: true } }),
    );
    const [first] = errors;
    if (first !== undefined) throw new Error(`cannot delete s3://${bucket}/${first.Key}: ${first.Message}`);
  }
}
