import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as X509CertificateForm,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** P-256 with SHA-256: what every program here verifies fastest among the curves they all know. */
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A CA outlives the machines it signs for: replacing it means touching every client. */
const caLifetimeDays = 3650;
/** The longest that public roots were trusted to sign for; an alert asks for the renewal a month ahead. */
export const certificateLifetimeDays = 825;
/** How long before its end a certificate is renewed: two of the monthly maintenance dates a small team keeps. */
export const renewWithinDays = 60;
/** A machine's clock may be this far behind before it has its time. */
const clockToleranceMs = 3_600_000;
const dayMs = 86_400_000;

/** A certificate that signs others, and its key; both PEM. */
export interface Authority {
  certificate: string;
  key: string;
}

/** Who a certificate is for: the names and addresses it is valid for. */
export interface Identity {
  names: readonly [string, ...string[]];
  addresses: readonly string[];
}

/** A new private key, PKCS #8 PEM. */
export function createKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: algorithm.namedCurve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/**
 * The certificate of a CA, signed with its own key. It can sign machines but no further CA.
 *
 * @param key PKCS #8 PEM.
 */
export async function createAuthorityCertificate(key: string, name: string, now: Date): Promise<string> {
  const keys = await importKeys(key);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [name] }],
      keys,
      signingAlgorithm: algorithm,
      ...validity(now, caLifetimeDays),
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return pem(certificate);
}

/**
 * A machine's certificate: server and client at once, because every machine here is both.
 *
 * @param key the machine's own, PKCS #8 PEM; renewing keeps it, so that a renewal changes one parameter and never a pair.
 * @param lifetimeDays may be less than one.
 */
export async function issueCertificate(
  authority: Authority,
  key: string,
  { names, addresses }: Identity,
  now: Date,
  lifetimeDays = certificateLifetimeDays,
): Promise<string> {
  const issuer = new X509CertificateForm(authority.certificate);
  const { publicKey } = await importKeys(key);
  const alternatives: JsonGeneralNames = [
    ...names.map((value) => ({ type: 'dns' as const, value })),
    ...addresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  const certificate = await X509CertificateGenerator.create(
    {
      // No common name: etcd refuses a client that has one on the JSON gateway, which is Patroni's way in (etcd 3.5,
      // "Transport security model"). An empty subject makes the alternative names critical (RFC 5280, 4.2.1.6).
      subject: [],
      issuer: issuer.subjectName,
      publicKey,
      signingKey: (await importKeys(authority.key)).privateKey,
      signingAlgorithm: algorithm,
      ...validity(now, lifetimeDays),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension(alternatives, true),
        await SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return pem(certificate);
}

/** Why a certificate should be replaced, or `current`. */
export type CertificateVerdict = 'current' | 'expiring' | 'names-differ' | 'other-authority' | 'other-key';

/**
 * Judges a machine's certificate against what would be issued today.
 *
 * @param authorityCertificates every CA that is trusted.
 * @param renewWithinDays how long before its end a certificate counts as expiring.
 */
export function judgeCertificate(
  certificate: string,
  key: string,
  authorityCertificates: string,
  { names, addresses }: Identity,
  now: Date,
  renewWithinDays: number,
): CertificateVerdict {
  const parsed = new X509Certificate(certificate);
  if (!isKeyOf(certificate, key)) return 'other-key';
  if (!splitPem(authorityCertificates).some((each) => isSignedBy(certificate, each))) return 'other-authority';
  const wanted = [...names.map((name) => `DNS:${name}`), ...addresses.map((address) => `IP Address:${address}`)];
  const had = (parsed.subjectAltName ?? '').split(', ');
  if (had.length !== wanted.length || wanted.some((name) => !had.includes(name))) return 'names-differ';
  const endsInMs = parsed.validToDate.getTime() - now.getTime();
  return endsInMs < renewWithinDays * dayMs ? 'expiring' : 'current';
}

/** Every PEM block of a text, whole, in its order. */
export function splitPem(text: string): readonly string[] {
  return (text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? []).map((block) => `${block}\n`);
}

/** Whether a certificate was signed by this CA. */
export function isSignedBy(certificate: string, authorityCertificate: string): boolean {
  return new X509Certificate(certificate).verify(new X509Certificate(authorityCertificate).publicKey);
}

/** Whether a certificate was made for this private key. */
export function isKeyOf(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

async function importKeys(key: string): Promise<{ privateKey: webcrypto.CryptoKey; publicKey: webcrypto.CryptoKey }> {
  const privateKey = createPrivateKey(key);
  const der = { privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }), publicKey: publicDer(key) };
  const { subtle } = webcrypto;
  return {
    privateKey: await subtle.importKey('pkcs8', der.privateKey, algorithm, false, ['sign']),
    publicKey: await subtle.importKey('spki', der.publicKey, algorithm, true, ['verify']),
  };
}

const publicDer = (key: string) => createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' });

const validity = (now: Date, days: number) => ({
  notBefore: new Date(now.getTime() - clockToleranceMs),
  notAfter: new Date(now.getTime() + days * dayMs),
});

const pem = (certificate: X509CertificateForm) => `${certificate.toString('pem').trim()}\n`;
