import { type Login, membersOf, type Node } from '@pgha/infra/cluster';
import { databaseRolesProgram, ownerRole } from '@pgha/infra/machines';
import { asPostgres } from '../../clients/pgbackrest.ts';
import { type Host, runChecked } from '../../hosts/host.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { findPrimary, onMachine } from './machines.ts';
import type { SecretsSetting } from './setting.ts';

/** Somebody who is logged in; from the database's list or from a pooler's. */
export interface Session {
  login: string;
  from: string;
  application: string;
  sessions: number;
  by: 'database' | 'pooler';
}

/** What `pgha-database-roles check` tells. */
interface RoleCheck {
  isPrimary: boolean;
  /** Role -> whether the password of the machine is the one of the database. */
  current: Readonly<Record<string, boolean>>;
  /** For how long Patroni has had the newest of its files; null: it has still to read it. */
  reloadedSecondsAgo: number | null;
}

/** A password travels to the standbys with the WAL. */
const acceptTimeoutMs = 60_000;
/** Patroni reloads what it presents to etcd a second after it told PostgreSQL to reload, once it is done with what it is at. */
const patroniReloadsWithinSeconds = 4;

/** The members of these regions whose PostgreSQL answers; the others log nobody in. */
async function onMembers<T>(setting: SecretsSetting, nodes: readonly Node[], work: (host: Host) => Promise<T>) {
  const answers = await Promise.all(
    nodes.map((node) =>
      onMachine(setting, node, async (host) => {
        // 1: an answer is missing because the server is not there, which Patroni tells others
        const isServing = (await host.run(asPostgres('pg_isready', '--quiet'))).exitCode === 0;
        return isServing ? { node, answer: await work(host) } : null;
      }),
    ),
  );
  return answers.filter((each) => each !== null);
}

const ask = (host: Host, ...verb: readonly string[]) => runChecked(host, asPostgres(databaseRolesProgram, ...verb));

const check = async (host: Host) => JSON.parse(await ask(host, 'check')) as RoleCheck;

/** Everybody who is logged in with any of these, in either region. */
export async function sessionsOf(setting: SecretsSetting, logins: readonly Login[]): Promise<readonly Session[]> {
  const members = setting.regions.flatMap(membersOf);
  const answers = await onMembers(
    setting,
    members,
    async (host) => JSON.parse(await ask(host, 'users', ...logins)) as readonly Session[],
  );
  return answers.flatMap(({ answer }) => answer);
}

/** Who they are, in a line. */
export function describeSessions(sessions: readonly Session[]): string {
  const lines = sessions.map(
    ({ from, application, sessions: count }) => `${application || 'an unnamed client'} from ${from} (${count})`,
  );
  return [...new Set(lines)].join(', ');
}

/** The database takes the passwords that its machines have, on every member that logs clients in. */
export function rolesTakeStep(setting: SecretsSetting, logins: readonly Login[]): Step {
  const roles = logins.map((login) => (login === 'owner' ? ownerRole : login));
  const look = async () => {
    const { node, region } = await findPrimary(setting);
    const checks = await onMembers(setting, membersOf(region), check);
    const waiting = checks
      .filter(({ answer }) => !roles.every((role) => answer.current[role]))
      .map((each) => each.node.name);
    return { node, waiting, isPrimaryThere: checks.some(({ answer }) => answer.isPrimary) };
  };
  return {
    title: `Set the new password of ${logins.join(', ')} in the database`,
    run: async () => {
      await waitUntil(
        async () => {
          const { node, waiting, isPrimaryThere } = await look();
          if (isPrimaryThere && waiting.length === 0) return true;
          // whoever is the primary now: it may have changed since the machines fetched
          if (waiting.includes(node.name)) {
            await runChecked(setting.host(node), ['systemctl', 'restart', 'pgha-database-roles.service']);
          }
          throw new Error(`not yet set on ${waiting.join(', ') || 'the primary'}`);
        },
        {
          what: `the new password of ${logins.join(', ')} to be set`,
          timeoutMs: acceptTimeoutMs,
          everyMs: 500,
          signal: setting.signal,
        },
      );
    },
  };
}

/** Every Patroni presents what its machine has: it was told to reload, and does so in its own time. */
export function patroniTakesStep(setting: SecretsSetting): Step {
  return {
    title: 'Reload Patroni with the new password',
    run: async (report) => {
      const members = setting.regions.flatMap(membersOf);
      await waitUntil(
        async () => {
          const checks = await onMembers(setting, members, check);
          const waiting = checks
            .filter(({ answer }) => (answer.reloadedSecondsAgo ?? 0) < patroniReloadsWithinSeconds)
            .map(({ node }) => node.name);
          if (waiting.length === 0) return true;
          report(`waiting for ${waiting.join(', ')}`);
          throw new Error(`${waiting.join(', ')} has not reloaded`);
        },
        { what: 'every Patroni to reload', timeoutMs: acceptTimeoutMs, everyMs: 1_000, signal: setting.signal },
      );
    },
  };
}
