import type { Node } from '@pgha/infra/cluster';
import { certificatesProgram } from '@pgha/infra/machines';
import { type Host, runChecked } from '../../hosts/host.ts';
import {
  authorityParameters,
  type CertificateVerdict,
  createKey,
  fingerprintOf,
  identityOf,
  issueCertificate,
  judgeCertificate,
  machineParameters,
  renewWithinDays,
  signingAuthority,
} from '../../secrets/index.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { fetchStep, onMachine } from './machines.ts';
import type { SecretChange, SecretsSetting } from './setting.ts';
import { readStored, replaceStep } from './stored.ts';

/** What `pgha-certificates` tells; fingerprints are SHA-256 in hexadecimal. */
export interface ServedCertificates {
  authorities: readonly { fingerprint: string; notAfter: string }[];
  files: readonly { path: string; fingerprint: string; notAfter: string }[];
  served: readonly ({ port: number; fingerprint: string } | { port: number; error: string })[];
}

/** Servers reload in seconds; Patroni after what it is at. */
const servedTimeoutMs = 60_000;

export async function readServed(host: Host): Promise<ServedCertificates> {
  return JSON.parse(await runChecked(host, [certificatesProgram])) as ServedCertificates;
}

/** A machine's certificate and key as they are stored. */
export async function readMachinePair({ cluster, store }: Pick<SecretsSetting, 'cluster' | 'store'>, node: Node) {
  const names = machineParameters(cluster, node);
  return { certificate: await readStored(store, names.certificate), key: await readStored(store, names.key) };
}

/**
 * The CA that signs now.
 *
 * @throws when the key and the certificates that are stored do not belong together.
 */
export async function readAuthority({ cluster, store }: Pick<SecretsSetting, 'cluster' | 'store'>) {
  const names = authorityParameters(cluster);
  const certificates = (await readStored(store, names.certificate)).value;
  const signer = signingAuthority(certificates, (await readStored(store, names.key)).value);
  if (signer === null)
    throw new Error(`no certificate in ${names.certificate} matches the first private key in ${names.key}`);
  return { certificates, signer };
}

/** Why each machine's certificate should be renewed, or that it is current. */
export async function judgeMachines(
  setting: Pick<SecretsSetting, 'cluster' | 'store'>,
  nodes: readonly Node[],
  now: Date,
): Promise<ReadonlyMap<string, CertificateVerdict>> {
  const { certificates } = await readAuthority(setting);
  const verdicts = new Map<string, CertificateVerdict>();
  for (const node of nodes) {
    const { certificate, key } = await readMachinePair(setting, node);
    const identity = identityOf(setting.cluster, node);
    verdicts.set(
      node.name,
      judgeCertificate(certificate.value, key.value, certificates, identity, now, renewWithinDays),
    );
  }
  return verdicts;
}

/** The versions of a machine's pair, as the names `node.certificate` and `node.key`. */
export async function pairVersions(
  setting: Pick<SecretsSetting, 'cluster' | 'store'>,
  node: Node,
): Promise<Readonly<Record<string, string>>> {
  const { certificate, key } = await readMachinePair(setting, node);
  return { [`${node.name}.certificate`]: `${certificate.version}`, [`${node.name}.key`]: `${key.version}` };
}

/**
 * The steps that renew the certificates of machines, one machine after the other. Without a new key one parameter changes, so that
 * no machine ever sees halves of two pairs; with one it refuses a pair that does not fit, and keeps what it has.
 *
 * @param before `pairVersions` of all of them.
 */
function renewalSteps(
  setting: SecretsSetting,
  nodes: readonly Node[],
  before: Readonly<Record<string, string>>,
  options: { newKeys?: boolean; now?: Date } = {},
): readonly Step[] {
  return nodes.flatMap((node) => [...issueSteps(setting, node, before, options), ...deploySteps(setting, node)]);
}

/** The steps that bring a certificate that is stored into force. */
export function deploySteps(setting: SecretsSetting, node: Node): readonly Step[] {
  return [
    fetchStep(setting, `Install the certificate on ${node.name}`, [node], { oneByOne: true }),
    servedStep(setting, node),
  ];
}

/** The steps that store another certificate for a machine; nothing is in force yet. */
export function issueSteps(
  setting: SecretsSetting,
  node: Node,
  before: Readonly<Record<string, string>>,
  { newKeys = false, now = new Date() }: { newKeys?: boolean; now?: Date } = {},
): readonly Step[] {
  const { cluster, store } = setting;
  const names = machineParameters(cluster, node);
  const isAnother = (part: 'certificate' | 'key') => (stored: { version: number }) =>
    stored.version > Number(before[`${node.name}.${part}`]);
  const issue = async () => {
    const { signer } = await readAuthority(setting);
    return issueCertificate(signer, (await readStored(store, names.key)).value, identityOf(cluster, node), now);
  };
  return [
    ...(newKeys
      ? [
          replaceStep(setting, `Create a new private key for ${node.name}`, {
            name: names.key,
            isNew: isAnother('key'),
            make: createKey,
          }),
        ]
      : []),
    replaceStep(setting, `Issue a new certificate for ${node.name}`, {
      name: names.certificate,
      isNew: isAnother('certificate'),
      make: issue,
    }),
  ];
}

/** Every server of a machine shows the certificate that is stored: what is in a file is not in force before that. */
function servedStep(setting: SecretsSetting, node: Node): Step {
  return {
    title: `Check that ${node.name} serves the new certificate`,
    run: async (report) => {
      const wanted = fingerprintOf((await readMachinePair(setting, node)).certificate.value);
      await waitUntil(
        async () => {
          const seen = await onMachine(setting, node, readServed);
          if (seen === null) return true;
          const others = seen.served.filter((each) => !('fingerprint' in each) || each.fingerprint !== wanted);
          if (others.length === 0) return true;
          const ports = others.map((each) => `${each.port}${'error' in each ? ` (${each.error})` : ''}`).join(', ');
          report(`waiting for port ${ports}`);
          throw new Error(`port ${ports} serves a different certificate`);
        },
        {
          what: `${node.name} to serve its new certificate`,
          timeoutMs: servedTimeoutMs,
          everyMs: 500,
          signal: setting.signal,
        },
      );
    },
  };
}

/** The renewal of these machines' certificates as one change. */
export function renewal(nodes: readonly Node[], newKeys: boolean): SecretChange & { name: string } {
  return {
    name: 'certificates',
    observe: async (setting) => {
      const versions = await Promise.all(nodes.map((node) => pairVersions(setting, node)));
      return Object.assign({}, ...versions) as Record<string, string>;
    },
    plan: (setting, before) => renewalSteps(setting, nodes, before, { newKeys }),
  };
}
