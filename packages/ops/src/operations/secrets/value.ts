import {
  activeLoginParameter,
  type Login,
  parameterName,
  passwordParameter,
  rotatingLogins,
} from '@pgha/infra/cluster';
import { UsageError } from '../../exit-codes.ts';
import { parameterNames, parseGenerations } from '../../secrets/index.ts';
import { rotatables } from './rotations.ts';
import type { SecretsSetting } from './setting.ts';
import { readStored } from './stored.ts';

/** Reads one value for a person: a secret's, in the form in which a client takes it, or a parameter's as it is stored. */
export async function readValue(setting: SecretsSetting, name: string): Promise<string> {
  const { cluster, store } = setting;
  const role = rotatingLogins.find((each) => each === name);
  if (role !== undefined) {
    const login = (await readStored(store, activeLoginParameter(cluster, role))).value.trim() as Login;
    return (await readStored(store, passwordParameter(cluster, login))).value;
  }
  if (name === 'ca') return (await readStored(store, parameterName(cluster, 'ca/certificate'))).value;
  if (name === 'backup_passphrases') {
    const { value } = await readStored(store, parameterName(cluster, 'backup/passphrases'));
    return parseGenerations(value).find(({ state }) => state === 'current')?.passphrase ?? '';
  }
  if (name === 'api_keys') return firstLine((await readStored(store, parameterName(cluster, 'api/keys'))).value);
  const single = rotatables.find((each) => each.name === name)?.parameters(cluster)[0];
  return (await readStored(store, single ?? parameterOf(setting, name))).value;
}

const firstLine = (text: string) => text.split('\n')[0] ?? '';

/** A parameter by its name in Parameter Store, or by what comes behind the cluster's prefix. */
function parameterOf({ cluster }: SecretsSetting, name: string): string {
  const found = [name, parameterName(cluster, name)].find((each) => parameterNames(cluster).includes(each));
  if (found === undefined) {
    const names = rotatables.map((each) => each.name).join(', ');
    throw new UsageError(`unknown secret "${name}". Secrets: ${names}; and parameters such as passwords/app_a`);
  }
  return found;
}
