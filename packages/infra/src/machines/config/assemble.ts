import { type MachineFile, machineFile, type UnitAction } from '../machine.ts';
import { programFile } from '../program.ts';

/** A configuration file that holds secrets: rendered as a template without them, completed on the machine. */
export interface SecretTemplate {
  template: MachineFile;
  output: string;
}

export const assembleProgram = programFile('pgha-assemble.py', '/usr/local/lib/pgha/assemble');

/** Where a secret's value belongs in a template. */
export function secretValue(path: string): string {
  return `{{${path}}}`;
}

/** Where the password of the login that a file names belongs. */
export function passwordOfLogin(path: string): string {
  return `{{*${path}}}`;
}

/**
 * @param name the template's file name.
 * @param output where the completed file is put, readable to the user that runs `assembleCommand` only.
 */
export function secretTemplate(
  name: string,
  output: string,
  content: string,
  onChange: readonly UnitAction[],
): SecretTemplate {
  return { template: machineFile(`/etc/pgha/templates/${name}`, content, { onChange }), output };
}

/** The command a unit runs before it starts and before it reloads. */
export function assembleCommand(templates: readonly SecretTemplate[]): string {
  return [assembleProgram.path, ...templates.flatMap(({ template, output }) => [template.path, output])].join(' ');
}
