import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type Node, nodesOf } from '@pgha/infra/cluster';
import { type ProgramBundle, programBundle } from '@pgha/infra/machines';
import { pointToRelease, publishRelease } from '../../artifact/publish.ts';
import { buildRelease, type Release } from '../../artifact/release.ts';
import { RefusedError } from '../../exit-codes.ts';
import { createLocalHost } from '../../hosts/local.ts';
import { createSsmHost, type SsmRegion } from '../../hosts/ssm.ts';
import { secretsInit } from '../../secrets/index.ts';
import type { Step } from '../../step.ts';
import { withRegion, withSecrets } from './aws-access.ts';
import { readConsole } from './console.ts';
import { planOwnKey } from './own-key.ts';
import { dangersOf, describeDangers, reviewPlan } from './plan-review.ts';
import { waitForCluster, waitForMachines } from './readiness.ts';
import type { Session } from './session.ts';
import { dataRegions, type Scope, stacksOf } from './target.ts';
import { deployRelease, smokeTest } from './verification.ts';

/** What a person agreed to besides the deploy itself. */
export interface Consent {
  /** Addresses that may be deleted or replaced. */
  allowed: readonly string[];
  /** Addresses that are replaced whatever the configuration says. */
  replaced?: readonly string[];
}

/**
 * The steps of a deploy. Each looks at what is there and may run again: a deploy that was interrupted goes on when it is
 * repeated.
 *
 * @param open the session; asked for when a step runs, so that the steps can be shown without one.
 */
export function planDeploy(scope: Scope, open: () => Session, consent: Consent): readonly Step[] {
  const { cluster, region, target } = scope;
  const built: { release?: Release } = {};
  const releaseOf = (): Release => {
    if (built.release === undefined) throw new Error('the step that builds the release has not run');
    return built.release;
  };
  const applyStep = (stack: string): Step => ({
    title: titles[stack] ?? stack,
    run: async (report) => {
      await applyStack(open(), stack, consent, report);
      if (stack === target) requireDataVolumes(await open().terraform(stack).outputs());
    },
  });
  const onMachines = <T>(work: (hostOf: (node: Node) => ReturnType<typeof createSsmHost>) => Promise<T>) =>
    withRegion(cluster, region, accessOf(open()), (services) => work((node) => createSsmHost(cluster, node, services)));
  const [api] = nodesOf(region, 'api');
  const stacks = stacksOf(scope);
  return [
    ...stacks.filter((stack) => stack.endsWith('-data')).map(applyStep),
    {
      title: 'Create missing secrets',
      run: (report) =>
        withSecrets(scope, open().login, async (store) => {
          const { created } = await secretsInit(cluster, store, new Date(), report);
          report(created.length === 0 ? 'all exist' : `${created.length} created`);
        }),
    },
    {
      title: 'Publish the node programs and the release of both APIs',
      run: async (report) => {
        const session = open();
        report('building');
        const host = createLocalHost(session.workspace);
        built.release = await buildRelease(host, session.workspace, session.folders.releases, session.node);
        const programs = programBundle(cluster);
        for (const each of dataRegions(scope)) {
          report(`uploading to ${each.awsRegion}`);
          await withRegion(cluster, each, accessOf(session), (services) => upload(services, programs, releaseOf()));
        }
      },
    },
    ...stacks.filter((stack) => !stack.endsWith('-data')).map(applyStep),
    {
      title: `Wait for ${region.nodes.length} nodes to finish provisioning`,
      run: (report) =>
        withRegion(cluster, region, accessOf(open()), (services) =>
          waitForMachines(region.nodes, (node) => createSsmHost(cluster, node, services), report, open().signal, {
            consoleOf: (node) => readConsole(services.ec2, cluster, node),
          }),
        ),
    },
    {
      title:
        target === 'primary'
          ? 'Wait for the primary and for all replicas to stream'
          : 'Wait for the standby region to stream',
      run: (report) => onMachines((hostOf) => waitForCluster(cluster, region, hostOf, report, open().signal)),
    },
    planOwnKey(scope, open),
    ...(target === 'primary' && api !== undefined
      ? [
          {
            title: 'Migrate the schema, then start both services',
            run: (report: (line: string) => void) =>
              onMachines((hostOf) =>
                withSecrets(scope, open().login, (store) =>
                  deployRelease(hostOf(api), cluster, store, releaseOf().version, report),
                ),
              ),
          },
          {
            title: 'Verify a write and a read through the APIs',
            run: (report: (line: string) => void) =>
              onMachines((hostOf) =>
                withSecrets(scope, open().login, async (store) => {
                  const { id, commitLsn } = await smokeTest(hostOf(api), cluster, store, open().signal);
                  report(`item ${id} at ${commitLsn}`);
                }),
              ),
          },
        ]
      : []),
  ];
}

const titles: Readonly<Record<string, string>> = {
  'primary-data': 'Apply data of the primary region: KMS keys, buckets, volumes',
  'dr-data': 'Apply data of the DR region: KMS keys, buckets, volumes',
  primary: 'Apply primary region: network, nodes, load balancer, DNS, alerts',
  dr: 'Apply DR region: network, nodes, load balancer, DNS, alerts',
  peering: 'Apply VPC peering: routes and DNS',
};

/**
 * Plans a stack, and applies just that plan.
 *
 * @throws RefusedError when it would delete or replace what nobody agreed to.
 */
export async function applyStack(
  session: Session,
  stack: string,
  { allowed, replaced = [] }: Consent,
  report: (line: string) => void,
): Promise<void> {
  const terraform = session.terraform(stack);
  report('terraform init');
  await terraform.init();
  report('terraform plan');
  const review = reviewPlan(stack, await terraform.plan({ replace: replaced }));
  const dangers = dangersOf(review, allowed);
  if (dangers.length > 0) throw new RefusedError(describeDangers(session.scope.target, stack, dangers));
  if (review.changes.length === 0) return report('nothing to change');
  await terraform.apply(report);
}

/**
 * EC2 may know a new volume's name a moment later than the volume; the stack leaves it out then.
 *
 * @param outputs of a region's stack.
 * @throws when a database machine has no data volume.
 */
export function requireDataVolumes(outputs: Readonly<Record<string, unknown>>): void {
  const volumes = Object.entries((outputs['data_volumes'] ?? {}) as Readonly<Record<string, string | null>>);
  const without = volumes.flatMap(([name, volume]) => (volume === null ? [name] : []));
  if (without.length > 0) {
    throw new Error(`the data volume of ${without.join(' and ')} was not found by its name. Rerun the deploy`);
  }
}

/** What new machines fetch at their first boot, by its checksum. */
export async function uploadPrograms({ s3, artifactBucket }: SsmRegion, programs: ProgramBundle): Promise<void> {
  await s3.send(new PutObjectCommand({ Bucket: artifactBucket, Key: programs.key, Body: programs.bytes }));
}

async function upload(services: SsmRegion, programs: ProgramBundle, release: Release): Promise<void> {
  const { s3, artifactBucket } = services;
  await uploadPrograms(services, programs);
  await publishRelease(s3, artifactBucket, release);
  await pointToRelease(s3, artifactBucket, release.version);
}

export const accessOf = ({ login, identity }: Session) => ({ login, account: identity.account });
