import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Call {
  target: string;
  body: {
    Name?: string;
    Names?: string[];
    Value?: string;
    Type?: string;
    KeyId?: string;
    Overwrite?: boolean;
    WithDecryption?: boolean;
    ParameterFilters?: { Key: string; Values: string[] }[];
    NextToken?: string;
  };
}

interface Held {
  value: string;
  key: string;
  version: number;
}

/** The account's default key, as Parameter Store names it. */
export const defaultKey = 'alias/aws/ssm';

/**
 * Parameter Store's wire protocol for the calls that the store makes: as the API reference has it, a parameter that is overwritten
 * without a key gets the account's default one.
 *
 * @param keys the aliases there are besides.
 */
export async function startParameterStore(keys: ReadonlySet<string>) {
  const held = new Map<string, Held>();
  const calls: Call[] = [];
  /** The number of the call that is the last one to be answered; later ones fail. */
  const limit = { calls: Number.POSITIVE_INFINITY };
  const answer = (response: ServerResponse, body: object, status = 200) => {
    response.statusCode = status;
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify(body));
  };
  const put = (response: ServerResponse, { Name = '', Value = '', KeyId = defaultKey, Overwrite }: Call['body']) => {
    const there = held.get(Name);
    if (KeyId !== defaultKey && !keys.has(KeyId)) return answer(response, { __type: 'InvalidKeyId' }, 400);
    if (there !== undefined && !Overwrite) return answer(response, { __type: 'ParameterAlreadyExists' }, 400);
    const Version = (there?.version ?? 0) + 1;
    held.set(Name, { value: Value, key: KeyId, version: Version });
    return answer(response, { Version });
  };
  const describe = (response: ServerResponse, { ParameterFilters = [], NextToken = '0' }: Call['body']) => {
    const isWanted = (name: string) =>
      ParameterFilters.every(({ Key, Values }) =>
        Values.some((value) => (Key === 'Path' ? name.startsWith(`${value}/`) : name === value)),
      );
    const start = Number(NextToken);
    const wanted = [...held].filter(([name]) => isWanted(name));
    const Parameters = wanted
      .slice(start, start + 10)
      .map(([Name, { key, version }]) => ({ Name, Type: 'SecureString', KeyId: key, Version: version }));
    answer(response, { Parameters, ...(start + 10 < wanted.length ? { NextToken: String(start + 10) } : {}) });
  };
  const server = createServer(async (request, response) => {
    const target = String(request.headers['x-amz-target']).replace('AmazonSSM.', '');
    const body: Call['body'] = JSON.parse(await textOf(request));
    calls.push({ target, body });
    if (calls.length > limit.calls) return answer(response, { __type: 'AccessDeniedException', message: 'cut' }, 400);
    if (target === 'PutParameter') return put(response, body);
    if (target === 'DescribeParameters') return describe(response, body);
    const { Names = [] } = body;
    return answer(response, {
      Parameters: Names.flatMap((Name) => {
        const { value: Value, version: Version } = held.get(Name) ?? {};
        return Value === undefined ? [] : [{ Name, Value, Version }];
      }),
      InvalidParameters: Names.filter((name) => !held.has(name)),
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, held, calls, limit, close: () => server.close() };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks = await request.toArray();
  return Buffer.concat(chunks).toString();
}
