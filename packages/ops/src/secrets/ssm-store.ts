import {
  GetParametersCommand,
  InvalidKeyId,
  ParameterAlreadyExists,
  PutParameterCommand,
  type PutParameterCommandInput,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { keysOf } from './encryption.ts';
import type { SecretStore, StoredSecret } from './store.ts';

/** GetParameters takes ten names a call. */
const namesPerCall = 10;

/** How to reach a region's Parameter Store. */
export interface SsmConnection {
  region: string;
  /** A profile of the AWS configuration; null: the environment's or the machine's own credentials. */
  profile: string | null;
  /** Another address than AWS's own, for example the lab's; null on AWS. */
  endpoint: string | null;
  /** PEM of the CA that signed that endpoint's certificate; null: the system's CAs. */
  ca: string | null;
}

/** A client for one region. The caller destroys it. */
export function connectSsm({ region, profile, endpoint, ca }: SsmConnection): SSMClient {
  return new SSMClient({
    region,
    ...(profile === null ? {} : { profile }),
    ...(endpoint === null ? {} : { endpoint }),
    ...(ca === null ? {} : { requestHandler: { httpsAgent: { ca } } }),
    // Parameter Store throttles writes at a few a second for a new account; init makes about sixty
    maxAttempts: 10,
    retryMode: 'adaptive',
  });
}

/**
 * One region's SSM Parameter Store; everything is a SecureString. What is new is encrypted with the cluster's own key as soon as that
 * exists. What is replaced keeps the key it has: the machines may not be allowed to use another one yet, and `encryptWithOwnKey`
 * changes it once they are.
 *
 * @param keyAlias the alias of the cluster's own key.
 */
export function ssmStore(client: SSMClient, place: string, keyAlias: string): SecretStore {
  const put = (input: Pick<PutParameterCommandInput, 'Name' | 'Value' | 'Overwrite' | 'KeyId'>) =>
    client.send(new PutParameterCommand({ ...input, Type: 'SecureString' }));

  const inspect = async (names: readonly string[]) => {
    const values = new Map<string, StoredSecret>();
    for (let start = 0; start < names.length; start += namesPerCall) {
      const Names = names.slice(start, start + namesPerCall);
      const { Parameters = [] } = await client.send(new GetParametersCommand({ Names, WithDecryption: true }));
      for (const { Name, Value, Version = 1, LastModifiedDate = new Date(0) } of Parameters) {
        if (Name !== undefined && Value !== undefined) {
          values.set(Name, { value: Value, version: Version, changedAt: LastModifiedDate, isMirrored: true });
        }
      }
    }
    return values;
  };

  return {
    place,

    inspect,

    read: async (names) => new Map([...(await inspect(names))].map(([name, { value }]) => [name, value])),

    async create(name, value) {
      const parameter = { Name: name, Value: value, Overwrite: false };
      try {
        // without a key's name it is the account's default one: there is none of our own before the first deploy
        await put({ ...parameter, KeyId: keyAlias }).catch((error) => {
          if (error instanceof InvalidKeyId) return put(parameter);
          throw error;
        });
        return 'created';
      } catch (error) {
        if (error instanceof ParameterAlreadyExists) return 'taken';
        throw error;
      }
    },

    async replace(name, value) {
      const key = (await keysOf(client, [name])).get(name);
      await put({ Name: name, Value: value, Overwrite: true, ...(key === undefined ? {} : { KeyId: key }) });
    },
  };
}
