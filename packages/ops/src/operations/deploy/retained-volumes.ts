import { type EC2Client, paginateDescribeVolumes } from '@aws-sdk/client-ec2';
import { type Cluster, dataVolumeName, membersBeyond, membersOf, type Node, type Region } from '@pgha/infra/cluster';
import { pricesOf } from '@pgha/infra/reports';

/** A data volume that no node uses. */
export interface RetainedVolume {
  node: string;
  id: string;
  gib: number;
}

/** The data volumes of a region's nodes, also of those that were removed, which are attached to nothing. */
export async function findRetainedVolumes(
  ec2: EC2Client,
  cluster: Cluster,
  region: Region,
): Promise<readonly RetainedVolume[]> {
  const nodes: readonly Node[] = [...membersOf(region), ...membersBeyond(cluster, region)];
  const byName = new Map(nodes.map((node) => [dataVolumeName(cluster, node), node.name]));
  const filters = [
    { Name: 'tag:Name', Values: [...byName.keys()] },
    { Name: 'status', Values: ['available'] },
  ];
  const found: RetainedVolume[] = [];
  for await (const { Volumes: page = [] } of paginateDescribeVolumes({ client: ec2 }, { Filters: filters })) {
    for (const { VolumeId: id = '', Size: gib = 0, Tags: tags = [] } of page) {
      const node = byName.get(tags.find(({ Key: key }) => key === 'Name')?.Value ?? '');
      if (node !== undefined) found.push({ node, id, gib });
    }
  }
  return found.sort((one, other) => one.node.localeCompare(other.node));
}

/** Which volumes are retained and what they cost; empty without any. */
export function describeRetained({ awsRegion }: Region, volumes: readonly RetainedVolume[]): string {
  if (volumes.length === 0) return '';
  const price = pricesOf(awsRegion)?.volumeGibMonth;
  const cost = (gib: number) => (price === undefined ? '' : `, ${(gib * price).toFixed(2)} USD per month`);
  const lines = volumes.map(({ node, id, gib }) => `  ${id}  data of ${node}, ${gib} GiB${cost(gib)}\n`);
  return `Retained volumes in ${awsRegion}, attached to no node:\n${lines.join('')}`;
}
