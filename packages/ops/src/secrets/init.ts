import { allNodes, type Cluster } from '@pgha/infra/cluster';
import { signingAuthority } from './authority.ts';
import { createAuthorityCertificate, createKey, issueCertificate, judgeCertificate } from './certificates.ts';
import {
  authorityParameters,
  type CertificateParameters,
  generatedSecrets,
  identityOf,
  machineParameters,
  parameterNames,
} from './inventory.ts';
import type { SecretStore } from './store.ts';

/** What the CA calls itself; two of them are told apart by their keys. */
export function authorityName({ project, environment }: Cluster): string {
  return `${project} ${environment} CA`;
}

/** What a run did; names only, never a value. */
export interface InitReport {
  created: readonly string[];
  kept: readonly string[];
}

/** A stored pair that does not fit together; every TLS connection of its machine would fail. */
export class BrokenPairError extends Error {
  readonly code = 'E_BROKEN_PAIR';

  constructor({ certificate, key }: CertificateParameters, place: string, reason: string) {
    super(`${certificate} in ${place} ${reason}. Delete ${certificate} and ${key} there and rerun the command.`);
    this.name = 'BrokenPairError';
  }
}

/**
 * Makes every secret of a cluster that is not there yet: passwords, API key, backup passphrase, the private CA and each
 * machine's certificate. Nothing is ever replaced, so it may be interrupted anywhere, rerun, and run twice at once: a
 * certificate is always made for the key that is *stored*, whoever stored it.
 *
 * @param store the region's store, or `mirroredStore` of both regions'.
 * @param onCreated called after each value that was stored, with its name.
 * @throws BrokenPairError when a stored certificate and key do not belong together.
 */
export async function secretsInit(
  cluster: Cluster,
  store: SecretStore,
  now: Date = new Date(),
  onCreated: (name: string) => void = () => {},
): Promise<InitReport> {
  const names = parameterNames(cluster);
  const known = new Map(await store.read(names));
  const created: string[] = [];

  const ensure = async (name: string, make: () => string | Promise<string>): Promise<string> => {
    const had = known.get(name);
    if (had !== undefined) return had;
    const made = await make();
    if ((await store.create(name, made)) === 'created') {
      created.push(name);
      onCreated(name);
      return made;
    }
    const theirs = (await store.read([name])).get(name);
    if (theirs === undefined)
      throw new Error(`${name} was deleted from ${store.place} during the operation. Rerun the command`);
    return theirs;
  };

  const refuseOrphan = ({ certificate, key }: CertificateParameters) => {
    if (known.has(certificate) && !known.has(key)) {
      throw new BrokenPairError({ certificate, key }, store.place, 'has no private key');
    }
  };

  for (const { name, generate } of generatedSecrets(cluster)) await ensure(name, generate);

  const authority = authorityParameters(cluster);
  refuseOrphan(authority);
  const authorityKey = await ensure(authority.key, createKey);
  const authorityCertificate = await ensure(authority.certificate, () =>
    createAuthorityCertificate(authorityKey, authorityName(cluster), now),
  );
  const signer = signingAuthority(authorityCertificate, authorityKey);
  if (signer === null) throw new BrokenPairError(authority, store.place, 'does not match its private key');

  for (const node of allNodes(cluster)) {
    const pair = machineParameters(cluster, node);
    refuseOrphan(pair);
    const key = await ensure(pair.key, createKey);
    const identity = identityOf(cluster, node);
    const certificate = await ensure(pair.certificate, () => issueCertificate(signer, key, identity, now));
    const verdict = judgeCertificate(certificate, key, authorityCertificate, identity, now, 0);
    if (verdict === 'other-key') throw new BrokenPairError(pair, store.place, 'does not match its private key');
    if (verdict === 'other-authority') throw new BrokenPairError(pair, store.place, 'was signed by another CA');
  }

  return { created, kept: names.filter((name) => !created.includes(name)) };
}
