import { type IncomingMessage, ServerResponse } from 'node:http';
import { Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';

/** Whether the service has been told to stop. Created before the app, which asks it for every request. */
export interface Draining {
  isDraining: () => boolean;
  begin: () => void;
}

export function createDraining(): Draining {
  let draining = false;
  return {
    isDraining: () => draining,
    begin: () => {
      draining = true;
    },
  };
}

/**
 * Node's class of answers, but that they ask the client to close its connection once the service has been told to stop.
 * Said when an answer begins and not before: its request may have been running by then.
 */
export function createAnswerClass({ isDraining }: Draining): typeof ServerResponse {
  return class Answer<Request extends IncomingMessage> extends ServerResponse<Request> {
    override writeHead(status: number, ...rest: unknown[]): this {
      if (isDraining()) this.setHeader('connection', 'close');
      return super.writeHead(status, ...(rest as []));
    }
  };
}

export interface ServeOptions {
  host: string;
  port: number;
  /** The descriptor systemd passed (socket activation); null to listen by ourselves. */
  inheritedFd: number | null;
  shutdownTimeoutMs: number;
  draining: Draining;
  log: Logger;
  /** Closes pools and timers, after the last request has been answered. */
  close: () => Promise<void>;
}

/** systemd passes sockets from this descriptor on (sd_listen_fds(3)). */
const firstInheritedFd = 3;

/** The descriptor of the listening socket systemd passed to this very process; null without one. */
export function inheritedSocket(env: {
  LISTEN_FDS?: string | undefined;
  LISTEN_PID?: string | undefined;
}): number | null {
  return Number(env.LISTEN_FDS) >= 1 && Number(env.LISTEN_PID) === process.pid ? firstInheritedFd : null;
}

/**
 * Listens, and on SIGTERM or SIGINT drains: readiness turns 503 and answers ask to close their connection, while requests
 * go on being served; a connection that stays idle is closed after a while; then pools are closed and the process ends
 * with 0. The listening socket is only let go, not closed under waiting clients, when systemd holds it.
 */
export async function serve(app: FastifyInstance, options: ServeOptions): Promise<void> {
  const { host, port, inheritedFd, log } = options;
  await app.ready();
  const closeUnused = watchUnused(app.server);
  await listen(app, options).catch((error: NodeJS.ErrnoException) => {
    const where =
      inheritedFd === null ? `HOST=${host} PORT=${port}` : `the socket passed by systemd (descriptor ${inheritedFd})`;
    process.stderr.write(
      `cannot listen on ${where} (${error.code}). Choose another address or port, or stop the process that uses it\n`,
    );
    process.exit(1);
  });
  log.info({ address: app.server.address() }, 'listening');
  closeWithGrace({ delay: options.shutdownTimeoutMs + 5_000, logger: false }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'stopping after an uncaught error');
    else log.info({ signal }, 'draining');
    await drain(app, options, closeUnused);
  });
}

function listen(app: FastifyInstance, { host, port, inheritedFd }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    app.server.once('error', reject);
    app.server.listen(inheritedFd === null ? { host, port } : { fd: inheritedFd }, () => {
      app.server.off('error', reject);
      resolve();
    });
  });
}

/** How long an idle keep-alive connection may still send a request and be told to close. */
const idleGraceMs = 1_000;

/**
 * Remembers the open connections; the function it returns ends those over which nothing has come. Node takes them for
 * busy, and browsers and load balancers open them ahead: each would keep the service from ending until its deadline.
 */
function watchUnused(server: FastifyInstance['server']): () => void {
  const open = new Set<Socket>();
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return () => {
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  };
}

async function drain(
  app: FastifyInstance,
  { draining, shutdownTimeoutMs, close, log }: ServeOptions,
  closeUnused: () => void,
): Promise<void> {
  const deadline = Date.now() + shutdownTimeoutMs;
  draining.begin();
  // net.Server's close stops accepting; http.Server's would also cut idle connections, one of which may be sending
  Server.prototype.close.call(app.server);
  const connections = () =>
    new Promise<number>((resolve) => app.server.getConnections((error, count) => resolve(error ? 0 : count)));
  const idleUntil = Math.min(Date.now() + idleGraceMs, deadline);
  while (Date.now() < deadline && (await connections()) > 0) {
    if (Date.now() >= idleUntil) {
      app.server.closeIdleConnections();
      closeUnused();
    }
    await delay(20);
  }
  app.server.closeAllConnections();
  await app.close();
  await close();
  log.info('stopped');
}
