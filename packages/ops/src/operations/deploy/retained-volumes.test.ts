import { EC2Client } from '@aws-sdk/client-ec2';
import { defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { describeRetained, findRetainedVolumes } from './retained-volumes.ts';

describe('retained volumes', () => {
  it('are those of the region that nothing is attached to, by name, size and cost', async () => {
    const cluster = defineCluster({ primary: { postgres: 2 } });
    const asked: string[] = [];
    const ec2 = answering((body) => {
      asked.push(body);
      return `<DescribeVolumesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><volumeSet>
        ${volume('vol-3', 20, 'pgha-prod-pg-3-data')}${volume('vol-1', 500, 'pgha-prod-pg-1-data')}
        ${volume('vol-9', 8, 'someone-else')}</volumeSet></DescribeVolumesResponse>`;
    });
    const volumes = await findRetainedVolumes(ec2, cluster, cluster.primary);
    expect(decodeURIComponent(asked[0] ?? '')).toMatch(
      /pgha-prod-pg-1-data.*pgha-prod-pg-2-data.*pgha-prod-pg-3-data.*available/,
    );
    expect(describeRetained(cluster.primary, volumes)).toBe(
      'Retained volumes in us-east-1, attached to no node:\n' +
        '  vol-1  data of pg-1, 500 GiB, 40.00 USD per month\n' +
        '  vol-3  data of pg-3, 20 GiB, 1.60 USD per month\n',
    );
  });

  it('are not mentioned when there are none, and have no price where none is known', () => {
    const { primary } = defineCluster({ primary: { awsRegion: 'af-south-1' } });
    expect(describeRetained(primary, [])).toBe('');
    expect(describeRetained(primary, [{ node: 'pg-3', id: 'vol-3', gib: 20 }])).toContain('data of pg-3, 20 GiB\n');
  });
});

const volume = (id: string, size: number, name: string) =>
  `<item><volumeId>${id}</volumeId><size>${size}</size><tagSet><item><key>Name</key><value>${name}</value></item></tagSet></item>`;

/** A client whose requests are answered here, in EC2's own wire format. */
function answering(answer: (body: string) => string): EC2Client {
  const handle = async ({ body }: { body?: string }) => {
    const text = answer(body ?? '');
    return {
      response: { statusCode: 200, headers: { 'content-type': 'text/xml' }, body: new TextEncoder().encode(text) },
    };
  };
  return new EC2Client({
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    requestHandler: { handle, updateHttpClientConfig: () => {}, httpHandlerConfigs: () => ({}) } as never,
  });
}
