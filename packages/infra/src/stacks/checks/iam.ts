/** A statement as IAM reads it. */
export interface IamStatement {
  Effect: string;
  Action: string | readonly string[];
  Resource: string | readonly string[];
  Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** One call, on one resource, with what the service says of both. */
export interface Call {
  action: string;
  resource: string;
  context: Readonly<Record<string, string | readonly string[]>>;
}

const many = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

/** IAM's wildcards: `*` and `?`, in whatever case where it is an action. */
export function matches(pattern: string, text: string, flags = ''): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, flags).test(text);
}

const operators: Readonly<Record<string, (wanted: readonly string[], found: readonly string[]) => boolean>> = {
  StringEquals: (wanted, found) => found.length > 0 && found.every((value) => wanted.includes(value)),
  StringLike: (wanted, found) =>
    found.length > 0 && found.every((value) => wanted.some((like) => matches(like, value))),
  StringEqualsIfExists: (wanted, found) => found.every((value) => wanted.includes(value)),
  'ForAnyValue:StringEquals': (wanted, found) => found.some((value) => wanted.includes(value)),
  'ForAllValues:StringLike': (wanted, found) => found.every((value) => wanted.some((like) => matches(like, value))),
  Bool: (wanted, found) => found.length > 0 && found.every((value) => wanted.includes(value)),
  Null: ([wanted], found) => (found.length === 0) === (wanted === 'true'),
};

function applies(
  { Action: actions, Resource: resources, Condition: conditions = {} }: IamStatement,
  call: Call,
): boolean {
  return (
    many(actions).some((action) => matches(action, call.action, 'i')) &&
    many(resources).some((resource) => matches(resource, call.resource)) &&
    Object.entries(conditions).every(([name, keys]) => {
      const operator = operators[name];
      if (operator === undefined) throw new Error(`no operator ${name} here`);
      return Object.entries(keys).every(([key, wanted]) => operator(many(wanted), many(call.context[key] ?? [])));
    })
  );
}

/** IAM's decision (its user guide, "Policy evaluation logic"): a Deny ends it, and without an Allow it is no. */
export function isAllowed(statements: readonly IamStatement[], call: Call): boolean {
  const applying = statements.filter((statement) => applies(statement, call));
  return applying.length > 0 && applying.every(({ Effect: effect }) => effect === 'Allow');
}
