import { type Login, membersOf, passwordParameter, ports } from '@pgha/infra/cluster';
import { caFile, patroniRestUser, tlsFilesOf } from '@pgha/infra/machines';
import { type Host, runChecked } from '../../hosts/host.ts';
import { randomSecret } from '../../secrets/index.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { rolesTakeStep } from './database.ts';
import { fetchStep, onMachine } from './machines.ts';
import type { SecretChange, SecretsSetting } from './setting.ts';
import { anotherValue, replaceStep, versionOf } from './stored.ts';

/** Logins of which there is one: no service and no client of the database presents it, so that nobody is refused in between. */
export const singleLogins = ['owner', 'patroni_rest', 'grafana_admin'] as const satisfies readonly Login[];

type SingleLogin = (typeof singleLogins)[number];

/** Gives such logins another password: stored, fetched, and seen to be in force. */
export function passwordRotation(logins: readonly SingleLogin[]): SecretChange {
  return {
    observe: async ({ cluster, store }) => {
      const before: Record<string, string> = {};
      for (const login of logins) before[login] = await versionOf(store, passwordParameter(cluster, login));
      return before;
    },
    plan: (setting, before) => {
      const parameter = (login: Login) => passwordParameter(setting.cluster, login);
      return [
        ...logins.map((login) =>
          replaceStep(
            setting,
            `Create a new password for ${login}`,
            anotherValue(parameter(login), before[login] ?? '', randomSecret),
          ),
        ),
        fetchStep(
          setting,
          `Roll out the new password of ${logins.join(', ')} to the nodes`,
          setting.readersOf(logins.map(parameter)),
        ),
        ...(logins.includes('owner') ? [rolesTakeStep(setting, ['owner'])] : []),
        ...(logins.includes('patroni_rest') ? [restInterfacesTakeIt(setting)] : []),
      ];
    },
  };
}

/** A change that changes nothing, asked for with the new password: to read the same files again. */
function restInterfacesTakeIt(setting: SecretsSetting): Step {
  return {
    title: 'Check that every Patroni requires the new password',
    run: async () => {
      for (const node of setting.regions.flatMap(membersOf)) {
        await waitUntil(
          async () => {
            await onMachine(setting, node, (host) => reloadByRest(host, node.hostname));
            return true;
          },
          {
            what: `Patroni on ${node.name} to require the new password`,
            timeoutMs: 60_000,
            everyMs: 500,
            signal: setting.signal,
          },
        );
      }
    },
  };
}

/** The password goes from the file to curl by a pipe: it stands in no command line. */
function reloadByRest(host: Host, hostname: string): Promise<string> {
  const { certificate, key } = tlsFilesOf('postgres');
  const curl = [
    ...['curl', '--silent', '--show-error', '--fail', '--config', '-', '--request', 'POST', '--max-time', '10'],
    ...['--cacert', caFile, '--cert', certificate, '--key', key, `https://${hostname}:${ports.patroni}/reload`],
  ];
  const script = `printf 'user = "%s:%s"' "$1" "$(cat /etc/pgha/secrets/patroni_rest)" | { shift; exec "$@"; }`;
  return runChecked(host, ['sh', '-euc', script, 'sh', patroniRestUser, ...curl]);
}
