import { writeFile } from 'node:fs/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { allNodes, type Cluster, type ClusterInput, defineCluster, nodesOf, regionsOf } from '@pgha/infra/cluster';
import { type ProgramBundle, programBundle } from '@pgha/infra/machines';
import { pointToRelease, publishRelease } from '../artifact/publish.ts';
import { buildRelease, type Release } from '../artifact/release.ts';
import { RefusedError } from '../exit-codes.ts';
import { createLocalHost } from '../hosts/local.ts';
import { type Authority, secretsInit } from '../secrets/index.ts';
import type { Step } from '../step.ts';
import { migrateThroughLoadBalancer, readAccess, withSecretStore } from './access.ts';
import { planAwsMachine, provideAuthority, provideBucket, s3Client, waitForAws } from './aws.ts';
import { findControlGroups } from './control-groups.ts';
import { removeLab } from './down.ts';
import { provideImage } from './image.ts';
import { startLoadBalancer } from './load-balancer.ts';
import { installMachine, type MachinePlan, type Rack, startMachine } from './machines.ts';
import { createNetworks } from './network.ts';
import { describeOtherLab } from './owner.ts';
import { clusterCaFile, type Places, releasesFolder } from './places.ts';
import { packagesOfEveryRole, planMachine } from './plans.ts';
import { waitForAllMembers, waitForFirstBoot, waitForServices, waitForWrites } from './readiness.ts';
import { type LabRecord, writeRecord } from './record.ts';
import { labBucket, labBuckets } from './site.ts';

/** What the steps of one `up` hand on to each other. */
interface Construction {
  rack: Rack;
  authority: Authority;
  record: LabRecord;
  plans: readonly MachinePlan[];
  programs: ProgramBundle;
  release: Release;
}

/** What a lab is started as. */
export interface LabChoice {
  input: ClusterInput;
  /** Whether every database machine has a data volume of its own, which can be filled. */
  dataVolumes: boolean;
}

/**
 * The steps from nothing to a cluster whose writes were seen to succeed. Whatever an interrupted `up` left is removed first:
 * booting again takes less time than finding out what is missing.
 */
export function planUp(
  places: Places,
  { input, dataVolumes }: LabChoice,
  workspace: string,
  signal: AbortSignal,
): readonly Step[] {
  const cluster = defineCluster(input);
  const construction: Partial<Construction> = {};
  const made = <K extends keyof Construction>(part: K): Construction[K] => {
    const value = construction[part];
    if (value === undefined) throw new Error(`the step that creates the ${part} has not run`);
    return value;
  };
  const machineCount = allNodes(cluster).length;
  const etcd = new Set(allNodes(cluster).flatMap(({ role, name }) => (role === 'etcd' ? [name] : [])));
  const isEtcd = ({ name }: MachinePlan) => etcd.has(name);
  return [
    {
      title: 'Clean up after an earlier lab',
      run: async () => {
        const otherFolder = await removeLab(places);
        if (otherFolder !== null) throw new RefusedError(describeOtherLab(otherFolder));
      },
    },
    {
      title: 'Build the Debian image',
      run: async (report) => {
        const authority = await provideAuthority(places);
        const { path } = await provideImage(places, packagesOfEveryRole(authority), report, signal);
        // rendered in one go: what the buckets get and what the machines ask for must come from the same sources
        const plans = allNodes(cluster).map((node) => planMachine({ cluster, dataVolumes }, node, authority));
        const programs = programBundle(cluster);
        const startedAt = new Date().toISOString();
        const record: LabRecord = { input, cluster, image: path, startedAt, dataVolumes, phase: 'starting' };
        const rack = { places, groups: await findControlGroups(), image: path };
        Object.assign(construction, { authority, plans, programs, record, rack });
        await writeRecord(places, record);
      },
    },
    {
      title: 'Build the release of both services',
      run: async () => {
        const release = await buildRelease(
          createLocalHost(workspace),
          workspace,
          releasesFolder(places),
          process.execPath,
        );
        Object.assign(construction, { release });
      },
    },
    {
      title: 'Create the networks',
      run: () => createNetworks(cluster),
    },
    {
      // etcd boots beside the stand-in: it is what the others wait for
      title: 'Start the AWS stand-in (Parameter Store, S3) and etcd',
      run: async (report) => {
        await boot(made('rack'), await planAwsMachine(cluster, made('authority')));
        for (const plan of made('plans').filter(isEtcd)) {
          report(plan.name);
          await boot(made('rack'), plan);
        }
        await waitForAws(cluster, made('authority'), signal);
      },
    },
    {
      // before the others boot: beside a dozen of them the stand-in takes ten times as long to store it
      title: 'Create secrets and buckets',
      run: async (report) => {
        const authority = made('authority');
        await provideBuckets(cluster, authority, made('programs'));
        await withSecretStore(cluster, authority, (store) => secretsInit(cluster, store, new Date(), report));
        await publishWhereServed(cluster, authority, made('release'));
      },
    },
    {
      title: `Start the other ${machineCount - etcd.size} machines`,
      run: async (report) => {
        for (const plan of made('plans').filter((each) => !isEtcd(each))) {
          report(plan.name);
          await boot(made('rack'), plan);
        }
        await Promise.all(regionsOf(cluster).map((region) => startLoadBalancer(places, made('rack').groups, region)));
      },
    },
    {
      title: 'Wait for the machines to finish provisioning',
      run: (report) => waitForFirstBoot(made('rack').groups, cluster, report, signal),
    },
    {
      title: 'Verify writes through the load balancer',
      run: async () => {
        const access = await readAccess(cluster, made('authority'));
        await writeFile(clusterCaFile(places), access.ca);
        await waitForWrites(cluster, access, signal);
      },
    },
    {
      title: 'Migrate the schema and start both services',
      run: async (report) => {
        const access = await readAccess(cluster, made('authority'));
        await migrateThroughLoadBalancer(cluster, access, report);
        await waitForServices(cluster, access.ca, signal);
      },
    },
    {
      title: cluster.dr === null ? 'Wait for replication' : 'Wait for replication in both regions',
      run: async () => waitForAllMembers(cluster, (await readAccess(cluster, made('authority'))).ca, signal),
    },
    {
      title: 'Ready',
      run: () => writeRecord(places, { ...made('record'), phase: 'up' }),
    },
  ];
}

async function boot(rack: Rack, plan: MachinePlan): Promise<void> {
  await installMachine(rack, plan);
  await startMachine(rack, plan);
}

/** Makes the buckets and puts into each region's artifact bucket what its machines fetch at their first boot. */
async function provideBuckets(cluster: Cluster, authority: Authority, programs: ProgramBundle): Promise<void> {
  for (const { region, purpose, name } of labBuckets(cluster)) {
    const client = s3Client(region, authority);
    try {
      await provideBucket(client, region, name);
      if (purpose === 'artifacts') {
        await client.send(new PutObjectCommand({ Bucket: name, Key: programs.key, Body: programs.bytes }));
      }
    } finally {
      client.destroy();
    }
  }
}

/** Uploads the services' release to the regions that have an API server. */
async function publishWhereServed(cluster: Cluster, authority: Authority, release: Release): Promise<void> {
  for (const region of regionsOf(cluster).filter((each) => nodesOf(each, 'api').length > 0)) {
    const client = s3Client(region, authority);
    const bucket = labBucket(cluster, region, 'artifacts');
    try {
      await publishRelease(client, bucket, release);
      await pointToRelease(client, bucket, release.version);
    } finally {
      client.destroy();
    }
  }
}
