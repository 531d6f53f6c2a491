import { describe, expect, it } from 'vitest';
import { authorityStage, fingerprintOf, signingAuthority } from './authority.ts';
import { createAuthorityCertificate, createKey, issueCertificate, judgeCertificate, splitPem } from './certificates.ts';

const now = new Date('2026-11-25T12:00:00Z');
const identity = { names: ['etcd-1.prod.pgha.internal'], addresses: ['10.42.8.11'] } as const;

async function twoAuthorities() {
  const [oldKey, newKey] = [createKey(), createKey()];
  const [oldOne, newOne] = [
    await createAuthorityCertificate(oldKey, 'ca', now),
    await createAuthorityCertificate(newKey, 'ca', now),
  ];
  return { oldKey, newKey, oldOne, newOne };
}

describe('a CA while it is rotated', () => {
  it('is the one whose key stands first, however many are trusted', async () => {
    const { oldKey, newKey, oldOne, newOne } = await twoAuthorities();
    const bundle = `${oldOne}${newOne}`;
    expect(signingAuthority(bundle, oldKey)?.certificate).toBe(oldOne);
    expect(signingAuthority(bundle, `${oldKey}${newKey}`)?.certificate).toBe(oldOne);
    expect(signingAuthority(bundle, newKey)?.certificate).toBe(newOne);
    expect(signingAuthority(oldOne, newKey)).toBeNull();
    expect(splitPem(bundle)).toEqual([oldOne, newOne]);
  });

  it('has certificates that are good as long as one of the trusted signed them', async () => {
    const { oldKey, oldOne, newOne } = await twoAuthorities();
    const key = createKey();
    const certificate = await issueCertificate({ certificate: oldOne, key: oldKey }, key, identity, now);
    const judge = (trusted: string) => judgeCertificate(certificate, key, trusted, identity, now, 60);
    expect(judge(`${newOne}${oldOne}`)).toBe('current');
    expect(judge(newOne)).toBe('other-authority');
  });

  it('shows how far it has come by what is stored alone', async () => {
    const { oldKey, newKey, oldOne, newOne } = await twoAuthorities();
    const before = fingerprintOf(oldOne);
    expect(authorityStage(oldOne, oldKey, before)).toBe('idle');
    expect(authorityStage(oldOne, `${oldKey}${newKey}`, before)).toBe('prepared');
    expect(authorityStage(`${oldOne}${newOne}`, `${oldKey}${newKey}`, before)).toBe('trusted');
    expect(authorityStage(`${oldOne}${newOne}`, newKey, before)).toBe('signing');
    expect(authorityStage(newOne, newKey, before)).toBe('replaced');
  });
});
