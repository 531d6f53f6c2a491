import type { Arguments, Synthesized } from '../synthesized.ts';

/** A resource or a data source: its address as Terraform writes it, and the addresses that it needs first. */
interface Part {
  address: string;
  needs: readonly string[];
}

/** An address inside an expression, and what is asked of it. */
const reference =
  /(?<![\w.-])(?:(?<variable>var\.[\w-]+)|(?<address>(?:data\.)?aws_\w+\.[A-Za-z_][\w-]*)(?:\[[^\]]*\])?\.\w+)/g;

/**
 * What `terraform validate` would refuse of a stack even without a provider: references to what is not there, providers that
 * are not configured, names that are none, and parts that need each other. Empty when there is nothing.
 */
export function brokenReferences(stack: Synthesized): readonly string[] {
  const parts = [...partsOf(stack.resource, ''), ...partsOf(stack.data ?? {}, 'data.')];
  const known = new Set([
    ...parts.map(({ address }) => address),
    ...Object.keys(stack.variable ?? {}).map((name) => `var.${name}`),
    ...(stack.provider['aws'] as Arguments[]).flatMap(({ alias }) => (alias === undefined ? [] : [`aws.${alias}`])),
  ]);
  const outputs = Object.entries(stack.output ?? {}).map(
    ([name, value]): Part => ({ address: `output.${name}`, needs: referencesIn(value) }),
  );
  // `to` and `from` are addresses as they are, without an expression around them
  const adopted = (stack.import ?? []).map(
    ({ to, ...given }): Part => ({ address: `import of ${to}`, needs: [to, ...referencesIn(given)] }),
  );
  const managed = (stack.removed ?? []).flatMap(({ from }) =>
    known.has(from) ? [`${from} is removed, and is there: Terraform refuses both`] : [],
  );
  return [
    ...managed,
    ...[...parts, ...outputs, ...adopted].flatMap(({ address, needs }) =>
      needs.filter((need) => !known.has(need)).map((need) => `${address} refers to ${need}, which does not exist`),
    ),
    ...parts.flatMap(({ address }) =>
      /\.[A-Za-z_][\w-]*$/.test(address) ? [] : [`${address} is no name: Terraform wants a letter first`],
    ),
    ...cyclesOf(parts),
  ];
}

function partsOf(blocks: Synthesized['resource'], prefix: string): readonly Part[] {
  return Object.entries(blocks).flatMap(([type, named]) =>
    Object.entries(named).map(([name, given]): Part => {
      const { lifecycle: _, depends_on: after = [], provider, ...own } = given;
      const needs = [...referencesIn(own), ...after, ...(provider === undefined ? [] : [provider])];
      return { address: `${prefix}${type}.${name}`, needs: [...new Set<string>(needs)] };
    }),
  );
}

/** Every address in every expression of a value, however deep. */
function referencesIn(value: unknown): readonly string[] {
  if (typeof value === 'string') {
    return [...value.matchAll(/\$\{([^}]*)\}/g)].flatMap(([, expression = '']) =>
      [...expression.matchAll(reference)].map(({ groups }) => groups?.['address'] ?? groups?.['variable'] ?? ''),
    );
  }
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === '//' ? [] : referencesIn(inner)));
}

/** Walks from every part to what it needs; a part met again on the way is part of a circle. */
function cyclesOf(parts: readonly Part[]): readonly string[] {
  const needsOf = new Map(parts.map(({ address, needs }) => [address, needs]));
  const done = new Set<string>();
  const walk = (address: string, path: readonly string[]): readonly string[] => {
    if (path.includes(address)) return [[...path.slice(path.indexOf(address)), address].join(' needs ')];
    if (done.has(address)) return [];
    const found = (needsOf.get(address) ?? []).flatMap((need) => walk(need, [...path, address]));
    done.add(address);
    return found;
  };
  return parts.flatMap(({ address }) => walk(address, []));
}
