import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectSsm, ssmStore } from './ssm-store.ts';

interface Call {
  target: string;
  body: {
    Name?: string;
    Names?: string[];
    Value?: string;
    Type?: string;
    Overwrite?: boolean;
    WithDecryption?: boolean;
  };
}

/** Parameter Store's wire protocol for the two calls the store makes. */
async function startParameterStore() {
  const held = new Map<string, string>();
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    const target = String(request.headers['x-amz-target']);
    const body = JSON.parse(await textOf(request));
    calls.push({ target, body });
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (target === 'AmazonSSM.PutParameter') {
      if (held.has(body.Name) && !body.Overwrite) {
        response.statusCode = 400;
        response.end(JSON.stringify({ __type: 'ParameterAlreadyExists', message: 'exists' }));
        return;
      }
      held.set(body.Name, body.Value);
      response.end(JSON.stringify({ Version: 1 }));
      return;
    }
    const found = body.Names.filter((name: string) => held.has(name));
    response.end(
      JSON.stringify({
        Parameters: found.map((Name: string) => ({ Name, Value: held.get(Name) })),
        InvalidParameters: body.Names.filter((name: string) => !held.has(name)),
      }),
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, calls, close: () => server.close() };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks = await request.toArray();
  return Buffer.concat(chunks).toString();
}

describe('ssmStore', () => {
  let parameterStore: Awaited<ReturnType<typeof startParameterStore>>;
  const connect = () => connectSsm({ region: 'us-east-1', profile: null, endpoint: parameterStore.endpoint, ca: null });

  beforeEach(async () => {
    parameterStore = await startParameterStore();
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  });
  afterEach(() => {
    parameterStore.close();
    vi.unstubAllEnvs();
  });

  it('stores as SecureString, and says when a name is taken instead of replacing it', async () => {
    const client = connect();
    const store = ssmStore(client, 'us-east-1');
    expect(await store.create('/p/e/a', 'one')).toBe('created');
    expect(await store.create('/p/e/a', 'two')).toBe('taken');
    expect(await store.read(['/p/e/a'])).toEqual(new Map([['/p/e/a', 'one']]));
    await store.replace('/p/e/a', 'three');
    expect(await store.read(['/p/e/a'])).toEqual(new Map([['/p/e/a', 'three']]));
    client.destroy();
    const puts = parameterStore.calls.filter(({ target }) => target === 'AmazonSSM.PutParameter');
    expect(puts.map(({ body }) => [body.Type, body.Overwrite])).toEqual([
      ['SecureString', false],
      ['SecureString', false],
      ['SecureString', true],
    ]);
  });

  it('reads ten names a call, decrypted, and leaves out those without a value', async () => {
    const client = connect();
    const store = ssmStore(client, 'us-east-1');
    const names = Array.from({ length: 23 }, (_, index) => `/p/e/${index}`);
    for (const name of names.slice(1)) await store.create(name, `value of ${name}`);
    const values = await store.read(names);
    client.destroy();
    expect([...values.keys()]).toEqual(names.slice(1));
    const reads = parameterStore.calls.filter(({ target }) => target === 'AmazonSSM.GetParameters');
    expect(reads.map(({ body }) => [body.Names?.length, body.WithDecryption])).toEqual([
      [10, true],
      [10, true],
      [3, true],
    ]);
  });
});
