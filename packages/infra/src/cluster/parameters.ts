import type { Cluster } from './cluster.ts';

/**
 * Roles that two logins share, `_a` and `_b`, one of them in use: the other one gets a new password and takes over, so that there
 * is never a moment in which no password is valid, however long that takes and wherever it is cut off.
 */
export const rotatingLogins = [
  'app',
  'readonly',
  'pgbouncer_auth',
  'replication',
  'rewind',
  'etcd_admin',
  'etcd_patroni',
] as const;

export type RotatingLogin = (typeof rotatingLogins)[number];

/** Every login that has a password. */
export type Login = `${RotatingLogin}_a` | `${RotatingLogin}_b` | 'owner' | 'patroni_rest' | 'grafana_admin';

/** The two logins of a role. */
export function loginsOf(role: RotatingLogin): readonly [Login, Login] {
  return [`${role}_a`, `${role}_b`];
}

/** The SSM name of one of the cluster's parameters: `/project/environment/path`. */
export function parameterName(cluster: Cluster, path: string): string {
  return `/${cluster.project}/${cluster.environment}/${path}`;
}

/** The SSM name of a login's password. */
export function passwordParameter(cluster: Cluster, login: Login): string {
  return parameterName(cluster, `passwords/${login}`);
}

/** The SSM name of what says which of a role's two logins is in use: its value is `app_a` or `app_b`. */
export function activeLoginParameter(cluster: Cluster, role: RotatingLogin): string {
  return parameterName(cluster, `logins/${role}`);
}
