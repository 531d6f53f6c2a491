import { request } from 'node:https';

/** A server that is dialled by address and checked by name: nothing here asks a resolver. */
export interface HttpsEndpoint {
  address: string;
  port: number;
  /** The name its certificate carries. */
  hostname: string;
  /** PEM of the CA that signed it. */
  ca: string;
}

export interface HttpsAnswer {
  status: number;
  body: string;
}

const timeoutMs = 3_000;

/** One GET on a connection of its own; throws when no whole answer came within 3 s. */
export function getHttps({ address, port, hostname, ca }: HttpsEndpoint, path: string): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const asking = request(
      { host: address, port, path, servername: hostname, ca, agent: false, signal },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    asking.once('error', reject);
    asking.end();
  });
}
