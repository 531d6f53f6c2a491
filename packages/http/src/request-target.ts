/** What RFC 3986, appendix A, lets stand in a path; the rest is encoded. */
const pathText = /^(?:[A-Za-z0-9\-._~:/@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/;
const otherText = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/@!$&'()*+,;=%]/g;

/** The path of a request target as it was sent, without origin and query (RFC 9112, 3.2). */
export function pathOf(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const end = path.search(/[?#]/);
  return (end < 0 ? path : path.slice(0, end)) || '/';
}

/**
 * The path of a request target as a URI reference. HTTP parsers let characters through that a reference cannot hold (each
 * is one byte here), and two slashes at its start would name a host.
 */
export function toReference(target: string): string {
  const path = pathOf(target);
  const reference = pathText.test(path) ? path : path.replaceAll(otherText, encodeByte);
  return reference.startsWith('//') ? `/.${reference}` : reference;
}

function encodeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
