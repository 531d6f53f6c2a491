import type { Machine } from './machine.ts';

/**
 * A machine as text a reviewer can read: the golden files, and what `pgha apply` compares.
 *
 * Programs appear by name: their text is reviewed where it is kept.
 */
export function describeMachine(machine: Machine): string {
  const { node, packages, files, secrets, bootSteps, units, listens } = machine;
  return [
    heading(`${node.name} (${node.role}, ${node.instanceType}, ${node.address})`),
    section('packages', packages),
    section(
      'secrets: parameter -> file',
      secrets.map(
        ({ parameter, path, mode, owner, onChange }) =>
          `${parameter} -> ${path} ${mode} ${owner}${describeActions(onChange)}`,
      ),
    ),
    section(
      'units',
      units.map(({ unit, state }) => `${unit} ${state}`),
    ),
    section(
      'listens',
      listens.map(({ port, purpose, from }) => `${port} from ${from.join(', ')}: ${purpose}`),
    ),
    ...bootSteps.map(({ name, script }) => `${heading(`boot step: ${name}`)}\n${script}`),
    ...[...files]
      .sort((one, other) => (one.path < other.path ? -1 : 1))
      .map(
        ({ path, mode, owner, group, onChange, program, content }) =>
          `${heading(`${path} ${mode} ${owner}:${group}${describeActions(onChange)}`)}\n${
            program === undefined ? content : `the program ${program}\n`
          }`,
      ),
  ].join('\n');
}

const heading = (text: string) => `=== ${text}`;

const section = (title: string, lines: readonly string[]) =>
  [
    heading(title),
    ...lines
      .map((line) => `${line}\n`)
      .join('')
      .trimEnd()
      .split('\n'),
    '',
  ].join('\n');

const describeActions = (actions: Machine['files'][number]['onChange']) =>
  actions.length === 0 ? '' : ` | ${actions.map(({ unit, action }) => `${action} ${unit}`).join(', ')}`;
