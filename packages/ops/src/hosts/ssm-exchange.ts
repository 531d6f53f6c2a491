import { randomUUID } from 'node:crypto';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { exchangePrefix } from '@pgha/infra/cluster';

/** One command's share of the exchange folder. */
export interface Exchange {
  /** A URL the machine may read standard input from, until it expires. */
  offerInput(text: string): Promise<string>;
  /** A URL the machine may put its result to. */
  outputUrl(): Promise<string>;
  readOutput(): Promise<string>;
  /** Removes what was handed over. */
  clear(): Promise<void>;
}

/**
 * Hands texts over through the region's artifact bucket, encrypted there with the cluster's key. Run Command's own history,
 * which shows commands and their output to everybody who may list them, sees URLs that expire, and never a secret.
 *
 * @param expiresInSeconds as long as the command may take.
 */
export function openExchange(client: S3Client, bucket: string, machine: string, expiresInSeconds: number): Exchange {
  const folder = `${exchangePrefix}${machine}/${randomUUID()}`;
  const input = { Bucket: bucket, Key: `${folder}/input` };
  const output = { Bucket: bucket, Key: `${folder}/output` };
  const used = new Set<typeof input>();
  return {
    offerInput: async (text) => {
      used.add(input);
      await client.send(new PutObjectCommand({ ...input, Body: text }));
      return getSignedUrl(client, new GetObjectCommand(input), { expiresIn: expiresInSeconds });
    },
    outputUrl: () => getSignedUrl(client, new PutObjectCommand(output), { expiresIn: expiresInSeconds }),
    readOutput: async () => {
      used.add(output);
      const { Body: body } = await client.send(new GetObjectCommand(output));
      if (body === undefined) throw new Error(`s3://${bucket}/${output.Key} is empty`);
      return body.transformToString();
    },
    clear: async () => {
      for (const object of used) await client.send(new DeleteObjectCommand(object));
    },
  };
}
