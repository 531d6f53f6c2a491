import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import {
  type Authority,
  certificateLifetimeDays,
  createAuthorityCertificate,
  createKey,
  issueCertificate,
  judgeCertificate,
} from './certificates.ts';

const now = new Date('2026-11-22T12:00:00Z');
const dayMs = 86_400_000;
const identity = { names: ['etcd-1.prod.pgha.internal', 'localhost'], addresses: ['10.42.8.11', '127.0.0.1'] } as const;

async function createAuthority(name = 'test CA'): Promise<Authority> {
  const key = createKey();
  return { key, certificate: await createAuthorityCertificate(key, name, new Date()) };
}

/** Resolves with what the client saw: `true` or the error's code. */
async function handshake(
  server: { key: string; cert: string; ca: string },
  client: { ca: string; servername: string; key?: string; cert?: string },
): Promise<true | string> {
  const listening = createServer({ ...server, requestCert: true, rejectUnauthorized: true }, (socket) =>
    socket.end('!'),
  );
  listening.on('tlsClientError', () => {});
  await once(listening.listen(0, '127.0.0.1'), 'listening');
  const { port } = listening.address() as AddressInfo;
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, ...client });
  const { promise, resolve } = Promise.withResolvers<true | string>();
  // TLS 1.3 tells a client without a certificate only after its side of the handshake is done: wait for data
  socket.on('data', () => resolve(true));
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.on('close', () => resolve('closed'));
  try {
    return await promise;
  } finally {
    socket.destroy();
    listening.close();
  }
}

describe('certificates', () => {
  it('let two machines of one CA talk, each as server and as client', async () => {
    const authority = await createAuthority();
    const key = createKey();
    const cert = await issueCertificate(authority, key, identity, new Date());
    const ca = authority.certificate;
    for (const servername of ['etcd-1.prod.pgha.internal', 'localhost']) {
      expect(await handshake({ key, cert, ca }, { ca, servername, key, cert })).toBe(true);
    }
  });

  it('are refused under a name they do not carry, from another CA, and when missing', async () => {
    const authority = await createAuthority();
    const stranger = await createAuthority();
    const key = createKey();
    const cert = await issueCertificate(authority, key, identity, new Date());
    const ca = authority.certificate;
    const server = { key, cert, ca };
    const named = { ca, servername: 'localhost' };
    expect(await handshake(server, { ...named, key, cert, servername: 'pg-1.prod.pgha.internal' })).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    expect(await handshake(server, { ...named, key, cert, ca: stranger.certificate })).toMatch(/UNABLE_TO|SELF_SIGNED/);
    const theirs = await issueCertificate(stranger, key, identity, new Date());
    expect(await handshake(server, { ...named, key, cert: theirs })).not.toBe(true);
    expect(await handshake(server, named)).not.toBe(true);
  });

  it('are judged by their key, their CA, their names and their end', async () => {
    const authority = await createAuthority();
    const key = createKey();
    const certificate = await issueCertificate(authority, key, identity, now);
    const judge = (changes: { key?: string; ca?: string; names?: [string, ...string[]]; at?: Date }) =>
      judgeCertificate(
        certificate,
        changes.key ?? key,
        changes.ca ?? authority.certificate,
        { names: changes.names ?? identity.names, addresses: identity.addresses },
        changes.at ?? now,
        60,
      );
    expect(judge({})).toBe('current');
    expect(judge({ key: createKey() })).toBe('other-key');
    // the same name on purpose: the signature decides, not what the CA is called
    expect(judge({ ca: (await createAuthority()).certificate })).toBe('other-authority');
    expect(judge({ names: ['etcd-1.prod.pgha.internal'] })).toBe('names-differ');
    expect(judge({ names: ['etcd-2.prod.pgha.internal', 'localhost'] })).toBe('names-differ');
    expect(judge({ at: new Date(now.getTime() + (certificateLifetimeDays - 61) * dayMs) })).toBe('current');
    expect(judge({ at: new Date(now.getTime() + (certificateLifetimeDays - 59) * dayMs) })).toBe('expiring');
  });
});
