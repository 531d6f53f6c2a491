import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type Arguments, synthesize } from '../synthesized.ts';
import { everyOption } from './every-option.config.ts';

/** The part of `terraform providers schema -json` that is looked at. */
interface Block {
  attributes?: Record<string, { required?: boolean; optional?: boolean; computed?: boolean }>;
  block_types?: Record<string, { block: Block }>;
}

/** Recorded by the job "emulated" of terraform.yml (packages/ops/src/operations/deploy/fixtures/README.md); null until then. */
const schema: Record<string, { block: Block }> | null = await readFile(
  new URL('provider-schema.snap', import.meta.url),
  'utf8',
).then(
  (text) => JSON.parse(text) as Record<string, { block: Block }>,
  () => null,
);

/** Terraform's own, of every resource. */
const own = new Set(['//', 'count', 'depends_on', 'for_each', 'lifecycle', 'provider', 'provisioner']);

/** What the provider would refuse: arguments it does not know or only answers, and required ones that are not given. */
function misfits({ attributes = {}, block_types: blocks = {} }: Block, given: Arguments, path: string): string[] {
  return [
    ...Object.entries(given).flatMap(([name, value]) => {
      if (own.has(name)) return [];
      const inner = blocks[name];
      if (inner !== undefined) {
        return [value].flat().flatMap((each) => misfits(inner.block, each, `${path}.${name}`));
      }
      const { optional, required } = attributes[name] ?? {};
      return optional === true || required === true ? [] : [`${path}.${name} is no argument`];
    }),
    ...Object.entries(attributes).flatMap(([name, { required }]) =>
      required === true && given[name] === undefined ? [`${path}.${name} is required`] : [],
    ),
  ];
}

const misfitsOf = (known: Record<string, { block: Block }>, stacks: ReturnType<typeof synthesize>) =>
  Object.values(stacks).flatMap(({ resource }) =>
    Object.entries(resource).flatMap(([type, named]) => {
      const block = known[type]?.block;
      if (block === undefined) return [];
      return Object.entries(named).flatMap(([name, given]) => misfits(block, given, `${type}.${name}`));
    }),
  );

describe('the arguments of every resource', () => {
  it.skipIf(schema === null)("are the provider's", () => {
    expect(misfitsOf(schema ?? {}, synthesize(everyOption))).toEqual([]);
    expect(misfitsOf(schema ?? {}, synthesize({}))).toEqual([]);
  });

  it('are held against a schema: unknown, only computed, missing, and inside blocks', () => {
    const block: Block = {
      attributes: { size: { required: true }, arn: { computed: true }, kms_key_id: { optional: true } },
      block_types: { rule: { block: { attributes: { id: { required: true } } } } },
    };
    const given = { arn: 'x', kms_key_id: 'y', colour: 'z', rule: [{ id: 1 }, { name: 2 }], lifecycle: {} };
    expect(misfits(block, given, 'a.b')).toEqual([
      'a.b.arn is no argument',
      'a.b.colour is no argument',
      'a.b.rule.name is no argument',
      'a.b.rule.id is required',
      'a.b.size is required',
    ]);
  });
});
