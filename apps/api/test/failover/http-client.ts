import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** One keep-alive connection to each service, as a client's own would be. */
export interface HttpClient {
  /** Throws what the connection did when there is no answer, or none within `timeoutMs`. */
  send(method: string, url: string, options?: { headers?: Record<string, string>; body?: unknown }): Promise<Answer>;
  close(): void;
}

export function createHttpClient(timeoutMs: number): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    send(method, url, { headers = {}, body } = {}) {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const content =
        payload === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
      return new Promise((resolve, reject) => {
        const sent = request(
          url,
          { method, agent, headers: { ...headers, ...content }, timeout: timeoutMs },
          (response) => {
            text(response).then(
              (read) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: read }),
              reject,
            );
          },
        );
        sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
        sent.on('error', reject);
        sent.end(payload);
      });
    },
    close: () => agent.destroy(),
  };
}
