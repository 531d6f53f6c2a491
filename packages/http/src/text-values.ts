/** As much of a schema as says how a text is read. */
interface TextSchema {
  properties?: Record<string, { type?: unknown }>;
}

/** What stands in a query, a path or the environment is text. An integer is decimal digits and nothing else. */
const readers: Record<string, (text: string) => unknown> = {
  integer: (text) => (/^[0-9]+$/.test(text) ? Number(text) : text),
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : text),
};

/**
 * How an object of texts is read by its schema: replaces each text that says a value of its property's type. Another
 * stays text, which the schema then refuses: JavaScript, and Ajv with it, would take `0x10`, `1e2`, ` 5` and `+5` for
 * numbers. Null where every property is a text anyway.
 */
export function textReader({ properties = {} }: TextSchema): ((texts: Record<string, unknown>) => void) | null {
  const readable = Object.entries(properties).flatMap(([name, { type }]) => {
    const read = readers[String(type)];
    return read ? [{ name, read }] : [];
  });
  if (readable.length === 0) return null;
  return (texts) => {
    for (const { name, read } of readable) {
      const text = texts[name];
      if (typeof text === 'string') texts[name] = read(text);
    }
  };
}
