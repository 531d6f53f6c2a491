import { X509Certificate } from 'node:crypto';
import { allNodes, type Node } from '@pgha/infra/cluster';
import { authorityParameters, fingerprintOf, splitPem } from '../../secrets/index.ts';
import { judgeMachines, readMachinePair, readServed, type ServedCertificates } from './certificates.ts';
import { onMachine } from './machines.ts';
import type { SecretsSetting } from './setting.ts';
import { readStored } from './stored.ts';

/** A certificate in one place, as `pgha certs list` tells it. */
export interface ListedCertificate {
  /** A machine; `ca` for those that sign. */
  machine: string;
  /** `store`, the path of a file, or `port N`. */
  where: string;
  /** RFC 3339; null where only what is shown is known. */
  notAfter: string | null;
  /** `current`, why it should be renewed, or how it differs from what is stored. */
  state: string;
}

/** Every certificate in Parameter Store, in the machines' files, and on the wire where that is another one. */
export async function listCertificates(setting: SecretsSetting, now: Date): Promise<readonly ListedCertificate[]> {
  const nodes = allNodes(setting.cluster);
  const verdicts = await judgeMachines(setting, nodes, now);
  const listed = await Promise.all(
    nodes.map(async (node) => listMachine(setting, node, verdicts.get(node.name) ?? 'current')),
  );
  return [...(await listAuthorities(setting)), ...listed.flat()];
}

async function listAuthorities({ cluster, store }: SecretsSetting): Promise<readonly ListedCertificate[]> {
  const trusted = splitPem((await readStored(store, authorityParameters(cluster).certificate)).value);
  return trusted.map((certificate) => ({
    machine: 'ca',
    where: 'store',
    notAfter: endOf(certificate),
    state: trusted.length === 1 ? 'current' : 'rotation in progress: rerun "pgha secrets rotate ca"',
  }));
}

async function listMachine(
  setting: SecretsSetting,
  node: Node,
  verdict: string,
): Promise<readonly ListedCertificate[]> {
  const { certificate } = await readMachinePair(setting, node);
  const stored = fingerprintOf(certificate.value);
  const listedStore = { machine: node.name, where: 'store', notAfter: endOf(certificate.value), state: verdict };
  const seen: ServedCertificates | null = await onMachine(setting, node, readServed).catch(() => null);
  if (seen === null) {
    return [listedStore, { machine: node.name, where: 'files', notAfter: null, state: 'node did not respond' }];
  }
  const files = seen.files.map(({ path, fingerprint, notAfter }) => ({
    machine: node.name,
    where: path,
    notAfter,
    state: fingerprint === stored ? verdict : 'differs from the store',
  }));
  const others = seen.served.flatMap((each): ListedCertificate[] => {
    if ('fingerprint' in each && each.fingerprint === stored) return [];
    const state = 'error' in each ? each.error : 'serves a different certificate than stored';
    return [{ machine: node.name, where: `port ${each.port}`, notAfter: null, state }];
  });
  return [listedStore, ...files, ...others];
}

const endOf = (certificate: string) => new X509Certificate(certificate).validToDate.toISOString();
