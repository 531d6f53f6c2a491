import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type Node, regionOf } from '@pgha/infra/cluster';
import { programBundle } from '@pgha/infra/machines';
import type { Step } from '../step.ts';
import { provideAuthority, s3Client } from './aws.ts';
import { findControlGroups } from './control-groups.ts';
import { cutPower, installMachine, startMachine, unmountMachine } from './machines.ts';
import type { Places } from './places.ts';
import { planMachine } from './plans.ts';
import { requireRecord } from './record.ts';
import { labBucket } from './site.ts';

/**
 * The steps that put a machine with an empty disk into a place of the lab, as Terraform does on AWS. The lab's disks are the
 * root volume and the data volume in one: a database machine begins without data.
 *
 * @param isThere whether the new machine is there already, so that a command that was interrupted does not make another one.
 */
export function planNewLabMachine(places: Places, node: Node, isThere: () => Promise<boolean>): readonly Step[] {
  return [
    {
      title: 'Publish the programs of the new node',
      run: async () => {
        const { cluster } = await requireRecord(places);
        const region = regionOf(cluster, node);
        const { key, bytes } = programBundle(cluster);
        const client = s3Client(region, await provideAuthority(places));
        try {
          const bucket = labBucket(cluster, region, 'artifacts');
          await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }));
        } finally {
          client.destroy();
        }
      },
    },
    {
      title: `Replace the machine of ${node.name}`,
      isNeeded: async () => !(await isThere()),
      run: async () => {
        const record = await requireRecord(places);
        const rack = { places, groups: await findControlGroups(), image: record.image };
        const plan = planMachine(record, node, await provideAuthority(places));
        await cutPower(rack, node.name);
        await unmountMachine(places, node.name);
        await installMachine(rack, plan);
        await startMachine(rack, plan);
      },
    },
  ];
}
