import {
  GetParametersCommand,
  PutParameterCommand,
  paginateDescribeParameters,
  type SSMClient,
} from '@aws-sdk/client-ssm';

/** A filter of DescribeParameters takes fifty values. */
const namesPerQuestion = 50;

/**
 * The key that each parameter is encrypted with, as whoever stored it named the key; a name without a parameter is not in the
 * answer. Nothing is decrypted.
 */
export async function keysOf(client: SSMClient, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>();
  for (let start = 0; start < names.length; start += namesPerQuestion) {
    const Values = names.slice(start, start + namesPerQuestion);
    const input = { ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values }] };
    for await (const { Parameters = [] } of paginateDescribeParameters({ client }, input)) {
      for (const { Name, KeyId } of Parameters) {
        if (Name !== undefined && KeyId !== undefined) keys.set(Name, KeyId);
      }
    }
  }
  return keys;
}

/** A secret below a path, and the key it is encrypted with. */
export interface EncryptedParameter {
  name: string;
  key: string;
}

/**
 * Everything secret below a path that is encrypted with another key than the cluster's own, also what a machine left that was
 * removed.
 *
 * @param path `/project/environment`.
 */
export async function underOtherKeys(
  client: SSMClient,
  path: string,
  keyAlias: string,
): Promise<readonly EncryptedParameter[]> {
  const found: EncryptedParameter[] = [];
  const input = { ParameterFilters: [{ Key: 'Path', Option: 'Recursive', Values: [path] }] };
  for await (const { Parameters = [] } of paginateDescribeParameters({ client }, input)) {
    for (const { Name, Type, KeyId } of Parameters) {
      if (Type === 'SecureString' && Name !== undefined && KeyId !== undefined && KeyId !== keyAlias) {
        found.push({ name: Name, key: KeyId });
      }
    }
  }
  return found.sort((one, other) => one.name.localeCompare(other.name));
}

/** What is asked for and done while secrets are encrypted anew. */
export interface Reencryption {
  keyAlias: string;
  /** A parameter that every machine reads and everybody may know: it goes first. */
  first: string;
  /** Returns when every machine has read its parameters, `first` among them. */
  waitForReaders(): Promise<void>;
  onMoved(name: string): void;
}

/**
 * Encrypts parameters with the cluster's own key: each keeps its value and gets another version. It may be interrupted anywhere and
 * run again. What every machine may know goes first, and nothing follows until they could all read it: a role that may not decrypt
 * yet would keep its machine from every secret.
 *
 * The caller holds the lock of operations, which keeps rotations away: Parameter Store cannot compare before it writes.
 *
 * @throws what `waitForReaders` says, after the first parameter has its former key again.
 */
export async function encryptWithOwnKey(
  client: SSMClient,
  parameters: readonly EncryptedParameter[],
  { keyAlias, first, waitForReaders, onMoved }: Reencryption,
): Promise<void> {
  const pioneer = parameters.find(({ name }) => name === first);
  if (pioneer !== undefined) await store(client, pioneer.name, keyAlias);
  try {
    await waitForReaders();
  } catch (error) {
    if (pioneer !== undefined) await store(client, pioneer.name, pioneer.key);
    throw error;
  }
  if (pioneer !== undefined) onMoved(pioneer.name);
  for (const { name } of parameters.filter((each) => each !== pioneer)) {
    if (await store(client, name, keyAlias)) onMoved(name);
  }
}

/** Stores a parameter's own value under a key; false: it is gone. */
async function store(client: SSMClient, name: string, key: string): Promise<boolean> {
  const { Parameters = [] } = await client.send(new GetParametersCommand({ Names: [name], WithDecryption: true }));
  const value = Parameters[0]?.Value;
  if (value === undefined) return false;
  await client.send(
    new PutParameterCommand({ Name: name, Value: value, Type: 'SecureString', KeyId: key, Overwrite: true }),
  );
  return true;
}
