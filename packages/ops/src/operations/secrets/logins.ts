import {
  activeLoginParameter,
  type Cluster,
  type Login,
  loginsOf,
  passwordParameter,
  type RotatingLogin,
} from '@pgha/infra/cluster';
import { databaseRotatingLogins } from '@pgha/infra/machines';
import { RefusedError } from '../../exit-codes.ts';
import { randomSecret } from '../../secrets/index.ts';
import type { Report, Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { describeSessions, patroniTakesStep, rolesTakeStep, sessionsOf } from './database.ts';
import { fetchStep, updateEtcdUsers } from './machines.ts';
import type { SecretChange, SecretsSetting } from './setting.ts';
import { anotherValue, readStored, replaceStep, versionOf } from './stored.ts';

type Before = Readonly<Record<string, string>>;

/** One role's part of a rotation: which login takes over from which. */
interface Handover {
  role: RotatingLogin;
  from: Login;
  to: Login;
}

/** A login that gets a new password. */
interface Changing {
  role: RotatingLogin;
  login: Login;
}

/** Logins that Patroni presents: it reads them some seconds after it was told to. */
const patronisOwn: readonly RotatingLogin[] = ['replication', 'rewind', 'etcd_patroni'];

const isDatabaseRole = (role: RotatingLogin) => (databaseRotatingLogins as readonly RotatingLogin[]).includes(role);

/**
 * Gives roles another login, all at the same time: the one that nobody uses gets a new password, which the server takes before
 * anybody is told to use it; once nobody uses the other one any more, that gets a new password too. Both are valid all the while.
 */
export function loginRotation(roles: readonly RotatingLogin[]): SecretChange {
  return {
    observe: async ({ cluster, store }) => {
      const before: Record<string, string> = {};
      for (const role of roles) {
        before[role] = await readActive(cluster, store, role);
        for (const login of loginsOf(role)) before[login] = await versionOf(store, passwordParameter(cluster, login));
      }
      return before;
    },
    plan: (setting, before) => {
      const handovers = roles.map((role): Handover => {
        const from = before[role] as Login;
        return { role, from, to: otherLogin(role, from) };
      });
      const coming = handovers.map(({ role, to }) => ({ role, login: to }));
      return [
        nobodyUsesStep(setting, handovers, before),
        ...storeSteps(setting, coming, before),
        ...takeSteps(setting, coming),
        ...useSteps(setting, handovers),
        ...retireSteps(
          setting,
          handovers.map(({ role, from }) => ({ role, login: from })),
          before,
        ),
      ];
    },
  };
}

/** Gives the login that is not in use a new password, where a rotation had to leave it valid because somebody used it. */
export function loginRetirement(role: RotatingLogin): SecretChange {
  return {
    observe: async ({ cluster, store }) => {
      const login = otherLogin(role, await readActive(cluster, store, role));
      return { login, [login]: await versionOf(store, passwordParameter(cluster, login)) };
    },
    plan: (setting, before) => retireSteps(setting, [{ role, login: before['login'] as Login }], before),
  };
}

/** Whether the login that is not in use still has the password with which it was in use. */
export async function isOldLoginValid(
  { cluster, store }: Pick<SecretsSetting, 'cluster' | 'store'>,
  role: RotatingLogin,
): Promise<boolean> {
  const active = await readStored(store, activeLoginParameter(cluster, role));
  const other = otherLogin(role, active.value.trim() as Login);
  const password = await readStored(store, passwordParameter(cluster, other));
  // made once and never changed since: there was no rotation
  return active.version > 1 && password.changedAt < active.changedAt;
}

async function readActive(cluster: Cluster, store: SecretsSetting['store'], role: RotatingLogin): Promise<Login> {
  const name = activeLoginParameter(cluster, role);
  const active = (await readStored(store, name)).value.trim();
  const login = loginsOf(role).find((each) => each === active);
  if (login === undefined) throw new Error(`${name} is neither ${loginsOf(role).join(' nor ')}. Set it to one of them`);
  return login;
}

function otherLogin(role: RotatingLogin, login: Login): Login {
  const [first, second] = loginsOf(role);
  return login === first ? second : first;
}

/** A login that somebody uses against the rules must not lose its password under him. */
function nobodyUsesStep(setting: SecretsSetting, handovers: readonly Handover[], before: Before): Step {
  const { cluster, store } = setting;
  return {
    title: `Check that ${names(handovers.map(({ to }) => to))} is not in use`,
    run: async () => {
      for (const { role, to } of handovers) {
        const isToCome = (await versionOf(store, passwordParameter(cluster, to))) === before[to];
        if (!isToCome || !isDatabaseRole(role)) continue;
        const sessions = await sessionsOf(setting, [to]);
        if (sessions.length === 0) continue;
        throw new RefusedError(
          `${to} is in use although it is not the current login: ${describeSessions(sessions)}. ` +
            `A new password would lock these clients out. Have them reconnect with the current login (pgha secrets show logins/${role})`,
        );
      }
    },
  };
}

function storeSteps(setting: SecretsSetting, changing: readonly Changing[], before: Before): readonly Step[] {
  return changing.map(({ login }) => {
    const name = passwordParameter(setting.cluster, login);
    return replaceStep(
      setting,
      `Create a new password for ${login}`,
      anotherValue(name, before[login] ?? '', randomSecret),
    );
  });
}

/** Machines have the passwords, and whoever they log in to takes them. */
function takeSteps(setting: SecretsSetting, changing: readonly Changing[]): readonly Step[] {
  const logins = changing.map(({ login }) => login);
  const ofDatabase = changing.filter(({ role }) => isDatabaseRole(role)).map(({ login }) => login);
  const ofEtcd = logins.filter((login) => !ofDatabase.includes(login));
  const parameters = logins.map((login) => passwordParameter(setting.cluster, login));
  return [
    fetchStep(setting, `Roll out the new password of ${names(logins)} to the nodes`, setting.readersOf(parameters)),
    ...(ofDatabase.length === 0 ? [] : [rolesTakeStep(setting, ofDatabase)]),
    ...(ofEtcd.length === 0
      ? []
      : [{ title: `Set the new password of ${names(ofEtcd)} in etcd`, run: () => updateEtcdUsers(setting) }]),
  ];
}

function useSteps(setting: SecretsSetting, handovers: readonly Handover[]): readonly Step[] {
  const active = (role: RotatingLogin) => activeLoginParameter(setting.cluster, role);
  const roles = handovers.map(({ role }) => role);
  const readers = setting.readersOf(roles.map(active));
  return [
    ...handovers.map(({ role, to }) =>
      replaceStep(setting, `Make ${to} the current login`, {
        name: active(role),
        isNew: ({ value }) => value.trim() === to,
        make: () => `${to}\n`,
      }),
    ),
    // a standby connects anew, and another one has to confirm commits meanwhile
    fetchStep(setting, `Switch the nodes to ${names(handovers.map(({ to }) => to))}`, readers, {
      oneByOne: roles.includes('replication'),
    }),
    ...(roles.some((role) => patronisOwn.includes(role)) ? [patroniTakesStep(setting)] : []),
  ];
}

function retireSteps(setting: SecretsSetting, retiring: readonly Changing[], before: Before): readonly Step[] {
  // etcd does not tell who is logged in; its users are machines that were seen to use the other one
  const free = new Set(retiring.filter(({ role }) => !isDatabaseRole(role)).map(({ login }) => login));
  const ofDatabase = retiring.filter(({ role }) => isDatabaseRole(role));
  const waiting: Step = {
    title: `Wait until ${names(ofDatabase.map(({ login }) => login))} is no longer in use`,
    run: async (report) => {
      const inUse: Login[] = [];
      for (const { login } of ofDatabase) {
        // decided before this command was interrupted: its password may be another one already
        const version = await versionOf(setting.store, passwordParameter(setting.cluster, login));
        if (version !== before[login]) free.add(login);
        else inUse.push(login);
      }
      for (const login of await waitUntilUnused(setting, inUse, report)) free.add(login);
      for (const { role, login } of ofDatabase) {
        if (free.has(login)) continue;
        setting.note(
          `the password of ${login} was not changed because it is in use: ${describeSessions(await sessionsOf(setting, [login]))}. ` +
            `Have these clients reconnect, then run "pgha secrets retire ${role}"`,
        );
      }
    },
  };
  return [
    ...(ofDatabase.length === 0 ? [] : [waiting]),
    ...retiring.flatMap((each) =>
      storeSteps(setting, [each], before).map((step) => ({ ...step, isNeeded: async () => free.has(each.login) })),
    ),
    ...takeSteps(setting, retiring),
  ];
}

/** Waits for sessions to end; returns the logins that have none. */
async function waitUntilUnused(
  setting: SecretsSetting,
  logins: readonly Login[],
  report: Report,
): Promise<readonly Login[]> {
  if (logins.length === 0) return [];
  const deadline = Date.now() + setting.patienceMs;
  return waitUntil(
    async () => {
      const sessions = await sessionsOf(setting, logins);
      const unused = logins.filter((login) => !sessions.some((session) => session.login === login));
      if (unused.length === logins.length || Date.now() > deadline) return unused;
      report(describeSessions(sessions));
      return null;
    },
    {
      what: `the sessions of ${names(logins)} to end`,
      timeoutMs: setting.patienceMs + 60_000,
      everyMs: 1_000,
      signal: setting.signal,
    },
  );
}

const names = (logins: readonly Login[]) => logins.join(', ');
