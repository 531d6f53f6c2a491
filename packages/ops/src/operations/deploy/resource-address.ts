/** Where a resource is in a configuration, as Terraform prints it: `module.a["x"].aws_instance.name[0]`. */
export interface ResourceAddress {
  /** Modules from the outside in; empty for the root module. */
  modules: readonly { name: string; key: string | number | null }[];
  mode: 'managed' | 'data';
  type: string;
  name: string;
  /** The number that `count` gave it, or the key that `for_each` gave it; null without either. */
  key: string | number | null;
}

/** A name, a number in brackets, or a quoted key in brackets (Terraform, "Resource Addressing"). */
const part = /([^.[\]"]+)(?:\[(\d+|"(?:[^"\\]|\\.)*")\])?(?:\.|$)/uy;

/**
 * Reads an address.
 *
 * @returns null for anything else.
 */
export function parseAddress(text: string): ResourceAddress | null {
  const parts: { name: string; key: string | number | null }[] = [];
  part.lastIndex = 0;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (found === null) return null;
    parts.push({ name: found[1] ?? '', key: found[2] === undefined ? null : readKey(found[2]) });
  }
  if (text.endsWith('.')) return null;
  const modules: ResourceAddress['modules'][number][] = [];
  while (parts[0]?.name === 'module') {
    const [word, module] = parts.splice(0, 2);
    if (module === undefined || word?.key !== null) return null;
    modules.push(module);
  }
  const mode = parts[0]?.name === 'data' ? 'data' : 'managed';
  if (mode === 'data') parts.shift();
  const [type, resource, ...rest] = parts;
  if (type === undefined || resource === undefined || type.key !== null || rest.length > 0) return null;
  return { modules, mode, type: type.name, name: resource.name, key: resource.key };
}

/** Whether an address names this resource: with its key just the one, without a key all that `count` or `for_each` made. */
export function covers(wider: string, address: string): boolean {
  if (wider === address) return true;
  const [named, resource] = [parseAddress(wider), parseAddress(address)];
  if (named === null || resource === null) return false;
  const { key, ...rest } = resource;
  const { key: namedKey, ...namedRest } = named;
  return JSON.stringify(rest) === JSON.stringify(namedRest) && (namedKey === null || namedKey === key);
}

/** For a shell: the brackets and quotes of a key are the shell's own characters too. */
export const quoteAddress = (address: string) =>
  /^[\w.-]+$/.test(address) ? address : `'${address.replaceAll("'", `'\\''`)}'`;

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

function readKey(text: string): string | number {
  if (!text.startsWith('"')) return Number(text);
  return text
    .slice(1, -1)
    .replaceAll(/\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))|([$%])\4(?=\{)/giu, (_, short, long, plain, doubled) => {
      if (doubled !== undefined) return doubled;
      const code = short ?? long;
      return code === undefined ? (escapes[plain] ?? plain) : String.fromCodePoint(Number.parseInt(code, 16));
    });
}
