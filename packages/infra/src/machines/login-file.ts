import type { RotatingLogin } from '../cluster/index.ts';

/** The file on a node that has the name of a role's current login. */
export function activeLoginFile(role: RotatingLogin): string {
  return `/etc/pgha/secrets/${role}_login`;
}
