import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { RefusedError } from '../exit-codes.ts';
import { enterCommand, machineEnvironment } from '../hosts/nspawn.ts';
import { findControlGroups } from './control-groups.ts';
import { findLeader } from './machines.ts';
import { machinePlaces, type Places } from './places.ts';

/**
 * Runs a command on a machine with this terminal's input and outputs.
 *
 * @returns its exit code.
 * @throws RefusedError when the machine is off.
 */
export async function enterMachine(name: string, argv: readonly string[]): Promise<number> {
  const leader = await findLeader(await findControlGroups(), name);
  if (leader === null) throw new RefusedError(`${name} is not running. Start it with: pgha lab start ${name}`);
  const [file, ...args] = enterCommand(leader, argv);
  const child = spawn(file, args, {
    stdio: 'inherit',
    env: { ...machineEnvironment, TERM: process.stdout.isTTY ? 'xterm-256color' : machineEnvironment.TERM },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 255)));
  });
}

/** What a machine said on its console since it was first started, also when it is off. */
export async function readConsole(places: Places, name: string): Promise<string> {
  return readFile(machinePlaces(places, name).console, 'utf8');
}

/** Is the machine on? */
export async function isRunning(name: string): Promise<boolean> {
  return (await findLeader(await findControlGroups(), name)) !== null;
}
