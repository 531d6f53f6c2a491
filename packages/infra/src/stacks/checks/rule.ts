import { type Arguments, resourcesOf, type Stacks } from '../synthesized.ts';

/** A public rule as a check of the synthesized stacks. */
export interface Rule {
  /** Checkov's id, and AWS Foundational Security Best Practices' where it has the rule. */
  id: string;
  /** Where it does not hold, in words; empty when it does. */
  violations(stacks: Stacks): string[];
  /** Damages stacks so that the rule has to notice. */
  damage(stacks: Stacks): void;
}

/** Every resource of the type has to satisfy the condition, and there has to be one. */
export function each(
  type: string,
  holds: (given: Arguments, stacks: Stacks, name: string) => boolean,
  isOptional = false,
) {
  return (stacks: Stacks): string[] => {
    const found = resourcesOf(stacks, type);
    if (found.length === 0 && !isOptional) return [`no ${type} at all`];
    return found
      .filter(({ arguments: given, name }) => !holds(given, stacks, name))
      .map(({ stack, name }) => `${stack}: ${type}.${name}`);
  };
}

/** Every bucket has a companion of the type that satisfies the condition. */
export function eachBucketHas(type: string, holds: (companion: Arguments) => boolean) {
  return (stacks: Stacks): string[] => {
    const companions = resourcesOf(stacks, type);
    const buckets = resourcesOf(stacks, 'aws_s3_bucket');
    if (buckets.length === 0) return ['no bucket at all'];
    return buckets
      .filter(
        ({ stack, name }) =>
          !companions.some(
            ({ stack: other, arguments: given }) =>
              other === stack && given['bucket'] === `\${aws_s3_bucket.${name}.bucket}` && holds(given),
          ),
      )
      .map(({ stack, name }) => `${stack}: aws_s3_bucket.${name} and ${type}`);
  };
}

export function change(type: string, edit: (given: Arguments) => void) {
  return (stacks: Stacks): void => {
    const [first] = resourcesOf(stacks, type);
    if (first === undefined) throw new Error(`no ${type} to damage`);
    edit(first.arguments);
  };
}

export const statements = (given: Arguments, key = 'policy'): Arguments[] => JSON.parse(given[key]).Statement;
export const list = (value: string | string[]): string[] => (Array.isArray(value) ? value : [value]);
