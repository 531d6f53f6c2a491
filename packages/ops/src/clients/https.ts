import { type Agent, request } from 'node:https';

/** A server that is dialled by address and checked by name: nothing here asks a resolver. */
export interface HttpsEndpoint {
  address: string;
  port: number;
  /** The name its certificate carries. */
  hostname: string;
  /** PEM of the CA that signed it. */
  ca: string;
}

export interface HttpsRequest {
  method: 'GET' | 'POST';
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  timeoutMs: number;
  /** Keeps connections between requests; without one each request has its own. */
  agent?: Agent;
}

export interface HttpsAnswer {
  status: number;
  body: string;
}

/** One request; throws when no whole answer came within its time. */
export function requestHttps(endpoint: HttpsEndpoint, asked: HttpsRequest): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    const { method, path, headers = {}, body, timeoutMs, agent = false } = asked;
    const { address: host, port, hostname: servername, ca } = endpoint;
    const signal = AbortSignal.timeout(timeoutMs);
    const asking = request({ host, port, servername, ca, method, path, headers, agent, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    asking.once('error', reject);
    asking.end(body);
  });
}

/** One GET on a connection of its own, within 3 s. */
export function getHttps(endpoint: HttpsEndpoint, path: string): Promise<HttpsAnswer> {
  return requestHttps(endpoint, { method: 'GET', path, timeoutMs: 3_000 });
}
