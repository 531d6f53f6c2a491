/**
 * Whether an `Accept` header asks for HTML by name, at least as much as for JSON (RFC 9110, section 12.5.1). A client
 * that takes anything, as curl says of itself, gets JSON.
 */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const quality = (name: string) => {
    for (const entry of accept.split(',')) {
      const [type, ...parameters] = entry.split(';').map((each) => each.trim().toLowerCase());
      if (type !== name) continue;
      const q = parameters.find((each) => each.startsWith('q='));
      return q === undefined ? 1 : Number(q.slice(2)) || 0;
    }
    return 0;
  };
  const html = quality('text/html');
  return html > 0 && html >= quality('application/json');
}
