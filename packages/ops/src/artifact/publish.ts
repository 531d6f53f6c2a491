import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { artifacts } from '@pgha/infra/machines';
import type { Release } from './release.ts';

/**
 * Uploads a release: the archive, then its checksum, so that whoever finds the checksum finds the archive.
 *
 * @param bucket the region's artifact bucket.
 */
export async function publishRelease(client: S3Client, bucket: string, release: Release): Promise<void> {
  const put = (key: string, body: Uint8Array | string) =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  const archiveKey = artifacts.archiveKey(release.version);
  await put(archiveKey, await readFile(release.archive));
  await put(artifacts.checksumKey(release.version), `${release.sha256}  ${basename(archiveKey)}\n`);
}

/** Makes a published release the one that new machines start with. */
export async function pointToRelease(client: S3Client, bucket: string, version: string): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: artifacts.pointerKey, Body: `${version}\n` }));
}
