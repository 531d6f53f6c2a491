import { readFileSync } from 'node:fs';
import { type MachineFile, machineFile } from './machine.ts';

/**
 * A program of this repository as a file of a machine. It is kept as a file of its own language, so that its linter and a
 * reader see what the machine runs; it takes what differs between machines from a configuration file beside it.
 *
 * @param source its name in `programs/`.
 * @param path where the machine has it.
 */
export function programFile(source: string, path: string, options: Partial<MachineFile> = {}): MachineFile {
  const content = readFileSync(new URL(`./programs/${source}`, import.meta.url), 'utf8');
  return machineFile(path, content, { mode: '0755', ...options });
}
