import { allNodes, membersOf, type Node, nodesOf } from '@pgha/infra/cluster';
import { certificatesProgram } from '@pgha/infra/machines';
import { RefusedError } from '../../exit-codes.ts';
import { runChecked } from '../../hosts/host.ts';
import {
  type AuthorityStage,
  authorityName,
  authorityParameters,
  authorityStage,
  createAuthorityCertificate,
  createKey,
  fingerprintOf,
  isSignedBy,
  issueCertificate,
  splitPem,
} from '../../secrets/index.ts';
import { runStep, type Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { deploySteps, issueSteps, pairVersions, readAuthority, readMachinePair, readServed } from './certificates.ts';
import { fetchStep, isRunning, machinesInOrder, onMachine, unhealthyEtcd, waitUntilServing } from './machines.ts';
import type { SecretChange, SecretsSetting } from './setting.ts';
import { readStored } from './stored.ts';

const stages: readonly AuthorityStage[] = ['idle', 'prepared', 'trusted', 'signing', 'replaced'];

/** A server that was told to reload does so in seconds. */
const trustTimeoutMs = 60_000;
/** Ten minutes: a dozen machines are asked in one. */
const probeLifetimeDays = 10 / (24 * 60);

/**
 * Replaces the CA: every machine trusts the new one beside the old one before the first certificate of it is shown, and the old one
 * is removed once nobody shows a certificate of it. What is stored says how far it has come, and each stage may last.
 *
 * @param until `trusted` stops where both are trusted and the old one still signs: clients outside the cluster that check its
 *   certificates have to get the new one then.
 */
export function authorityRotation(until: 'trusted' | 'replaced'): SecretChange {
  return {
    observe: async (setting) => {
      const { signer } = await readAuthority(setting);
      const versions = await Promise.all(allNodes(setting.cluster).map((node) => pairVersions(setting, node)));
      return { ca: fingerprintOf(signer.certificate), ...Object.assign({}, ...versions) };
    },
    plan: (setting, before) => [
      ...trustSteps(setting, before),
      ...(until === 'trusted' ? [sayTrusted(setting)] : replaceSteps(setting, before)),
    ],
  };
}

function trustSteps(setting: SecretsSetting, before: Readonly<Record<string, string>>): readonly Step[] {
  const { cluster, regions } = setting;
  const names = authorityParameters(cluster);
  const members = regions.flatMap(membersOf);
  const readers = setting.readersOf([names.certificate]);
  const isToCome = async () => stages.indexOf(await readStage(setting, before)) < stages.indexOf('signing');
  const untilSigning = (step: Step): Step => ({ ...step, isNeeded: isToCome });
  return [
    untilSigning(etcdIsWhole(setting)),
    stageStep(
      setting,
      before,
      'prepared',
      'Create the private key of a new CA',
      names.key,
      async (keys) => `${keys}${createKey()}`,
    ),
    stageStep(
      setting,
      before,
      'trusted',
      'Create its certificate in addition to the old one',
      names.certificate,
      async (trusted) => {
        const [, next = ''] = splitPem((await readStored(setting.store, names.key)).value);
        return `${trusted}${await createAuthorityCertificate(next, authorityName(cluster), new Date())}`;
      },
    ),
    // Patroni's REST interface reads the CA again when its own certificate is another one, and at no other time
    ...members.flatMap((node) => issueSteps(setting, node, before)).map(untilSigning),
    untilSigning(
      fetchStep(setting, 'Roll out trust in both CAs to all nodes', inOrder(setting, readers), { oneByOne: true }),
    ),
    untilSigning(trustedStep(setting)),
  ];
}

function replaceSteps(setting: SecretsSetting, before: Readonly<Record<string, string>>): readonly Step[] {
  const { cluster, regions } = setting;
  const names = authorityParameters(cluster);
  const readers = setting.readersOf([names.certificate]);
  return [
    stageStep(
      setting,
      before,
      'signing',
      'Sign with the new CA',
      names.key,
      async (keys) => splitPem(keys).at(-1) ?? '',
    ),
    {
      title: 'Renew the certificates of all nodes with the new CA',
      run: async (report) => {
        for (const node of await machinesInOrder(setting)) {
          for (const step of await reissueSteps(setting, node)) await runStep(step, report);
          await waitUntilServing(setting, node);
          report(node.name);
        }
      },
    },
    etcdIsWhole(setting),
    stageStep(setting, before, 'replaced', 'Remove the old CA', names.certificate, async (trusted) => {
      return splitPem(trusted).at(-1) ?? '';
    }),
    fetchStep(setting, 'Roll out trust in the new CA only', inOrder(setting, readers), { oneByOne: true }),
    forgottenStep(
      setting,
      regions.flatMap((region) => region.nodes),
    ),
  ];
}

/** The steps that give a machine a certificate of the CA that signs now; none of them is done twice. */
async function reissueSteps(setting: SecretsSetting, node: Node): Promise<readonly Step[]> {
  const { signer } = await readAuthority(setting);
  const { certificate } = await readMachinePair(setting, node);
  const isReissued = isSignedBy(certificate.value, signer.certificate) && certificate.isMirrored;
  const issue = isReissued ? [] : issueSteps(setting, node, await pairVersions(setting, node));
  return [...issue, ...deploySteps(setting, node)];
}

const inOrder = (setting: SecretsSetting, readers: readonly Node[]) => async () =>
  (await machinesInOrder(setting)).filter(({ name }) => readers.some((reader) => reader.name === name));

async function readStage({ cluster, store }: SecretsSetting, before: Readonly<Record<string, string>>) {
  const names = authorityParameters(cluster);
  const certificates = (await readStored(store, names.certificate)).value;
  return authorityStage(certificates, (await readStored(store, names.key)).value, before['ca'] ?? '');
}

/** A step that brings the CA to a stage by replacing one of its two parameters. */
function stageStep(
  setting: SecretsSetting,
  before: Readonly<Record<string, string>>,
  stage: AuthorityStage,
  title: string,
  name: string,
  make: (value: string) => Promise<string>,
): Step {
  const { store, signal } = setting;
  const isReached = async () => stages.indexOf(await readStage(setting, before)) >= stages.indexOf(stage);
  return {
    title,
    isDone: async () => (await isReached()) && (await readStored(store, name)).isMirrored,
    run: async (report) => {
      const { value } = await readStored(store, name);
      signal.throwIfAborted();
      await store.replace(name, (await isReached()) ? value : await make(value));
      report(name);
    },
  };
}

/** etcd reads its CA only at its start: its members restart one after the other, and none of them may be away already. */
function etcdIsWhole(setting: SecretsSetting): Step {
  return {
    title: 'Check that every etcd member is healthy',
    run: async () => {
      for (const region of setting.regions) {
        if (!(await isRunning(setting, region))) continue;
        const sick = new Set<string>();
        for (const node of nodesOf(region, 'etcd')) {
          const seen = await onMachine(setting, node, unhealthyEtcd);
          for (const endpoint of seen ?? [node.name]) sick.add(endpoint);
        }
        if (sick.size === 0) continue;
        throw new RefusedError(
          `etcd in ${region.awsRegion} is degraded (${[...sick].join(', ')} unhealthy): restarting another member could lose the quorum. Repair it first`,
        );
      }
    },
  };
}

/** Shows every server that asks for certificates one of the new CA, and is let in: it is trusted, not only stored. */
function trustedStep(setting: SecretsSetting): Step {
  return {
    title: 'Check that every server accepts certificates of the new CA',
    run: async (report) => {
      for (const node of setting.regions.flatMap((region) => region.nodes)) {
        const probe = await issueProbe(setting, node);
        await waitUntil(
          async () => {
            const answers = await onMachine(setting, node, async (host) => {
              const said = await runChecked(host, [certificatesProgram, 'probe'], { input: probe });
              return JSON.parse(said) as readonly { port: number; accepted: boolean; error?: string }[];
            });
            const refused = answers?.filter(({ accepted }) => !accepted) ?? [];
            if (refused.length === 0) return true;
            const ports = refused.map(({ port, error }) => `${port}: ${error ?? 'closed'}`).join(', ');
            report(`${node.name} does not accept them yet on port ${ports}`);
            throw new Error(`port ${ports}`);
          },
          { what: `${node.name} to trust the new CA`, timeoutMs: trustTimeoutMs, everyMs: 500, signal: setting.signal },
        );
        report(node.name);
      }
    },
  };
}

/**
 * A certificate of the next CA and its key, for a machine to show to itself: it ends within minutes.
 *
 * etcd lets a peer in only from an address that its certificate names (etcd 3.5, "Transport security model").
 */
async function issueProbe({ cluster, store }: SecretsSetting, node: Node): Promise<string> {
  const names = authorityParameters(cluster);
  const [, key = ''] = splitPem((await readStored(store, names.key)).value);
  const [, certificate = ''] = splitPem((await readStored(store, names.certificate)).value);
  const probeKey = createKey();
  const identity = { names: [node.hostname], addresses: [node.address] } as const;
  return `${await issueCertificate({ certificate, key }, probeKey, identity, new Date(), probeLifetimeDays)}${probeKey}`;
}

function sayTrusted(setting: SecretsSetting): Step {
  return {
    title: 'Both CAs are trusted',
    run: async () =>
      setting.note(
        'All nodes trust both CAs. Distribute the new ca.crt ("pgha secrets show ca") to clients that verify the server certificate, ' +
          'then run "pgha secrets rotate ca"',
      ),
  };
}

/** No machine that runs has the old CA any more. */
function forgottenStep(setting: SecretsSetting, nodes: readonly Node[]): Step {
  return {
    title: 'Check that no node trusts the old CA',
    run: async (report) => {
      const { signer } = await readAuthority(setting);
      const wanted = fingerprintOf(signer.certificate);
      for (const node of nodes) {
        const seen = await onMachine(setting, node, readServed);
        const others = seen?.authorities.filter(({ fingerprint }) => fingerprint !== wanted) ?? [];
        if (others.length > 0) throw new Error(`${node.name} still trusts ${others.length} other CA certificates`);
        report(node.name);
      }
    },
  };
}
