import { runBounded } from './bounded.ts';
import { readFileByCommand, writeFileByCommand } from './files.ts';
import {
  CommandTimeoutError,
  defaultRunTimeoutMs,
  type Host,
  HostUnreachableError,
  type RunOptions,
  type RunResult,
} from './host.ts';
import { briefly } from './said.ts';

/** Enters every namespace of the machine's first process, its cgroup included: what runs there is the machine's. */
export function enterCommand(leaderPid: number, argv: readonly string[]): readonly [string, ...string[]] {
  return ['nsenter', '-t', `${leaderPid}`, '-m', '-u', '-i', '-n', '-p', '-C', '--', ...argv];
}

/** nsenter passes our environment on; a machine's command gets what a root login there would have. */
export const machineEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  USER: 'root',
  LANG: 'C.UTF-8',
  // systemctl and journalctl would page or colour otherwise
  SYSTEMD_PAGER: '',
  TERM: 'dumb',
} as const;

/**
 * A machine of the lab, entered through its namespaces.
 *
 * @param findLeader the process id of its init as seen from outside, or null while it is off; asked at each call,
 *   because a machine that was started again has another one.
 */
export function createNspawnHost(name: string, findLeader: () => Promise<number | null>): Host {
  const run = async (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
    const leader = await findLeader();
    if (leader === null) {
      throw new HostUnreachableError(`${name} is not running. Start it with: pgha lab start ${name}`);
    }
    const timeoutMs = options.timeoutMs ?? defaultRunTimeoutMs;
    const result = await runBounded(enterCommand(leader, argv), {
      input: options.input ?? '',
      timeoutMs,
      extendEnv: false,
      env: machineEnvironment,
    });
    if (result.timedOut) throw new CommandTimeoutError(name, argv, timeoutMs);
    if (result.exitCode === undefined) {
      // a command that dies by a signal ends as a shell would tell it
      if (result.signal !== undefined && (await findLeader()) === leader) {
        return { exitCode: 255, stdout: result.stdout, stderr: `${result.stderr}killed by ${result.signal}` };
      }
      throw new HostUnreachableError(`${name} stopped while running "${briefly(argv)}"`, { cause: result.cause });
    }
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    name,
    run,
    readFile: (path) => readFileByCommand(name, run, path),
    writeFile: (path, content, options) => writeFileByCommand(name, run, path, content, options),
  };
}
