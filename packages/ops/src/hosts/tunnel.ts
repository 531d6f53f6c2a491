import { createServer, connect as dial } from 'node:net';
import { execa } from 'execa';
import { waitUntil } from '../wait-until.ts';
import { reasonIn } from './said.ts';

/** A way to a port inside the cluster's network, from this computer. */
export interface Tunnel {
  address: string;
  port: number;
  close(): Promise<void>;
}

const openTimeoutMs = 30_000;

/**
 * Forwards a local port through an instance by Session Manager (Systems Manager user guide, "Start a session: port forwarding
 * to a remote host"). Nothing has to be open to the Internet.
 *
 * @param through the instance that can reach the host.
 * @throws with what the AWS CLI said, when it or its session-manager-plugin is missing too.
 */
export async function forwardThroughInstance(
  { profile, region }: { profile: string | null; region: string },
  through: string,
  host: string,
  port: number,
): Promise<Tunnel> {
  const local = await freePort();
  const parameters = JSON.stringify({ host: [host], portNumber: [`${port}`], localPortNumber: [`${local}`] });
  const session = execa(
    'aws',
    [
      ...['ssm', 'start-session', '--region', region, '--target', through],
      ...['--document-name', 'AWS-StartPortForwardingSessionToRemoteHost', '--parameters', parameters],
      ...(profile === null ? [] : ['--profile', profile]),
    ],
    { reject: false, stdin: 'ignore', forceKillAfterDelay: 2_000 },
  );
  const ended = session.then(({ stderr, code }) => {
    const why =
      code === 'ENOENT'
        ? 'the AWS CLI is not installed'
        : stderr.trim() === ''
          ? 'the session ended'
          : reasonIn(stderr);
    throw new Error(
      `cannot forward to ${host}:${port} through ${through}: ${why}. "pgha doctor" shows what is missing`,
    );
  });
  const isOpen = waitUntil(() => accepts(local), {
    what: `the Session Manager session through ${through} to forward the port`,
    timeoutMs: openTimeoutMs,
  });
  try {
    await Promise.race([isOpen, ended]);
  } catch (error) {
    session.kill();
    throw error;
  }
  ended.catch(() => undefined);
  return {
    address: '127.0.0.1',
    port: local,
    close: async () => {
      session.kill();
      await session;
    },
  };
}

/** A port that nobody listens on, for the moment. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function accepts(port: number): Promise<true> {
  return new Promise((resolve, reject) => {
    const socket = dial(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', reject);
  });
}
