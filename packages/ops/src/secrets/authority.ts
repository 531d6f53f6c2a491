import { X509Certificate } from 'node:crypto';
import { type Authority, isKeyOf, splitPem } from './certificates.ts';

/** SHA-256 of a certificate, lower-case hexadecimal: public, and the same for nobody else. */
export function fingerprintOf(certificate: string): string {
  return new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase();
}

/**
 * The CA that signs: of the keys the first, and of the certificates the one that belongs to it. While the CA is rotated there are
 * two of either; machines trust both certificates.
 *
 * @param certificates the bundle that is `ca/certificate`.
 * @param keys what is `ca/key`.
 * @returns null when no certificate belongs to that key.
 */
export function signingAuthority(certificates: string, keys: string): Authority | null {
  const [key] = splitPem(keys);
  const certificate =
    key === undefined ? undefined : splitPem(certificates).find((candidate) => isKeyOf(candidate, key));
  return key === undefined || certificate === undefined ? null : { certificate, key };
}

/** How far the rotation of a CA has come; each stage is safe to stay in. */
export type AuthorityStage =
  /** One CA. */
  | 'idle'
  /** The next one's key is stored; nobody trusts it. */
  | 'prepared'
  /** Machines are to trust both; the old one signs. */
  | 'trusted'
  /** The new one signs; machines trust both. */
  | 'signing'
  /** One CA, another than before. */
  | 'replaced';

/**
 * The stage that the two parameters show.
 *
 * @param before the fingerprint of the CA that signed when the rotation began.
 */
export function authorityStage(certificates: string, keys: string, before: string): AuthorityStage {
  const trusted = splitPem(certificates).map(fingerprintOf);
  if (splitPem(keys).length > 1) return trusted.length > 1 ? 'trusted' : 'prepared';
  if (trusted.length > 1) return 'signing';
  return trusted[0] === before ? 'idle' : 'replaced';
}
