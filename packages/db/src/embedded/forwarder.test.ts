import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';

import { PortTaken } from './failure.ts';
import { type Forwarder, openForwarder } from './forwarder.ts';

describe('forwarder', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function startServer(greeting: string): Promise<{ port: number; server: Server }> {
    const server = createServer((socket) => {
      socket.on('error', () => {}); // resets are what the tests cause
      socket.write(greeting);
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => server.close());
    return { port: (server.address() as AddressInfo).port, server };
  }

  async function startForwarder(): Promise<Forwarder> {
    const forwarder = await openForwarder(0, 'test');
    closing.push(() => forwarder.close());
    return forwarder;
  }

  async function client(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    closing.push(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  async function heard(socket: Socket): Promise<string> {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    return chunk.toString();
  }

  it('leads both ways to the target', async () => {
    const { port } = await startServer('a');
    const forwarder = await startForwarder();
    forwarder.setTarget(port);
    const socket = await client(forwarder.port);
    expect(await heard(socket)).toBe('a');
    socket.write('echo');
    expect(await heard(socket)).toBe('echo');
  });

  it('passes on an end of one direction and keeps the other', async () => {
    const { port } = await startServer('');
    const forwarder = await startForwarder();
    forwarder.setTarget(port);
    const socket = await client(forwarder.port);
    socket.end('the last words');
    expect(await text(socket)).toBe('the last words');
  });

  it('closes a connection at once while there is no target', async () => {
    const forwarder = await startForwarder();
    const socket = await client(forwarder.port);
    expect(await text(socket)).toBe('');
  });

  it('closes connections to the old target when the target changes, and leads new ones to the new', async () => {
    const [a, b] = [await startServer('a'), await startServer('b')];
    const forwarder = await startForwarder();
    forwarder.setTarget(a.port);
    const old = await client(forwarder.port);
    await heard(old);
    forwarder.setTarget(b.port);
    await once(old, 'close');
    expect(await heard(await client(forwarder.port))).toBe('b');
  });

  it('keeps connections when the same target is set again', async () => {
    const { port } = await startServer('a');
    const forwarder = await startForwarder();
    forwarder.setTarget(port);
    const socket = await client(forwarder.port);
    await heard(socket);
    forwarder.setTarget(port);
    socket.write('still here');
    expect(await heard(socket)).toBe('still here');
  });

  it('closes the connection when the target does not listen', async () => {
    const { port, server } = await startServer('a');
    server.close();
    await once(server, 'close');
    const forwarder = await startForwarder();
    forwarder.setTarget(port);
    expect(await text(await client(forwarder.port))).toBe('');
  });

  it('resets every connection towards the client', async () => {
    const { port } = await startServer('a');
    const forwarder = await startForwarder();
    forwarder.setTarget(port);
    const socket = await client(forwarder.port);
    await heard(socket);
    forwarder.reset();
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  it('mutes open connections in both directions, tells neither side, and leads new ones as before', async () => {
    const { port, server } = await startServer('a');
    const atServer = once(server, 'connection') as Promise<[Socket]>;
    const forwarder = await startForwarder();
    forwarder.setTarget(port);
    const old = await client(forwarder.port);
    expect(await heard(old)).toBe('a');
    const [oldAtServer] = await atServer;
    const heardAfterwards: string[] = [];
    for (const [name, side] of [['client', old] as const, ['server', oldAtServer] as const]) {
      for (const event of ['data', 'end', 'close'] as const)
        side.on(event, () => heardAfterwards.push(`${name} ${event}`));
    }
    forwarder.mute();
    old.write('is anybody there');
    oldAtServer.write('hello?');
    const fresh = await client(forwarder.port);
    expect(await heard(fresh)).toBe('a');
    fresh.write('echo');
    expect(await heard(fresh)).toBe('echo');
    expect(heardAfterwards).toEqual([]);
    old.destroy();
    await once(old, 'close');
    fresh.write('echo');
    expect(await heard(fresh)).toBe('echo');
    expect(heardAfterwards).toEqual(['client close']);
  });

  it('says which port is taken, and by what it was wanted', async () => {
    const { port } = await startServer('a');
    await expect(openForwarder(port, 'replica')).rejects.toMatchObject(
      Object.assign(new PortTaken(port, 'replica'), { port, purpose: 'replica' }),
    );
  });
});
