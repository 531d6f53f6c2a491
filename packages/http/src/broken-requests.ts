import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { ProblemKind } from './problem-kinds.ts';
import { Problem } from './problems.ts';

/** Requests that are not HTTP, too slow or too large in their headers never reach a route. */
const kinds: Record<string, [kind: ProblemKind, detail: string]> = {
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'The request headers are larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The request was not complete within REQUEST_TIMEOUT_MS.'],
};
const notHttp: [kind: ProblemKind, detail: string] = ['bad-request', 'The request is not valid HTTP.'];

export interface BrokenRequests {
  /** Node's `clientError`. */
  answer(error: NodeJS.ErrnoException, socket: Socket): void;
  /** Watches which answers are still to come on a connection. */
  watch(server: Server): void;
}

/** `onAnswer` is called for every response that no request will report. */
export function createBrokenRequests(
  onAnswer: (status: number, code: string, address: string | undefined) => void,
): BrokenRequests {
  const last = new WeakMap<Socket, ServerResponse>();
  const broken = new WeakSet<Socket>();

  function end(socket: Socket, problem: Problem, code: string): void {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    onAnswer(problem.status, code, socket.remoteAddress);
    socket.end(render(problem));
  }

  /**
   * Invariant: answers keep the order of their requests, and a request gets one. What cannot be read may stand behind
   * requests that are still being answered, a write among them: those are answered first.
   */
  function answer(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    // the parser reports everything that follows, too
    if (broken.has(socket)) return;
    broken.add(socket);
    const code = error.code ?? '';
    const problem = new Problem(...(kinds[code] ?? notHttp));
    const before = last.get(socket);
    if (!before || (before.req.complete && isAnswered(before))) {
      end(socket, problem, code);
    } else if (before.req.complete) {
      before.once('finish', () => end(socket, problem, code));
    } else if (before.writableEnded || before.req.listenerCount('error') === 0) {
      // the body of a request that is answered without it
      if (isAnswered(before)) socket.end();
      else before.once('finish', () => socket.end());
    } else {
      // the reader of that body answers, in its turn
      before.req.emit('error', problem);
    }
  }

  return {
    answer,
    watch(server) {
      // a client that has sent its last request and says so still waits for the answer; Node would hang up on it
      Object.assign(server, { httpAllowHalfOpen: true });
      server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
        socket.on('end', () => askWhetherGone(socket));
      });
      server.on('request', (request: IncomingMessage, response: ServerResponse) => last.set(request.socket, response));
      // without a listener Node cuts such a connection off without a word
      server.on('connect', (_request: IncomingMessage, socket: Socket) => {
        end(socket, new Problem('bad-request', 'CONNECT is not supported: this server is not a proxy.'), 'CONNECT');
      });
    },
  };
}

/** The first write makes the peer's kernel reset the connection, and a later one notices the reset. */
const askEveryMs = { first: 100, later: 1_000 };

/**
 * A client that has hung up looks like one that only sends no more, until something is sent to it. An interim response
 * (RFC 9110, 15.2) is nothing that the other one minds.
 */
function askWhetherGone(socket: Socket & { _httpMessage?: ServerResponse | null }): void {
  const { _httpMessage: answer } = socket;
  if (!answer?.req.complete || answer.req.httpVersion !== '1.1') return;
  const ask = (nextMs: number) => {
    if (answer.headersSent || answer.closed || socket.destroyed) return;
    answer.writeProcessing();
    setTimeout(ask, nextMs, askEveryMs.later).unref();
  };
  ask(askEveryMs.first);
}

function isAnswered(response: ServerResponse): boolean {
  return response.writableFinished || response.destroyed;
}

function render(problem: Problem): string {
  const body = JSON.stringify(problem.toBody('/', ''));
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.toBody('/', '').title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    `Date: ${new Date().toUTCString()}`,
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
