import type { Cluster } from './cluster.ts';

/** Every login that has a password; `_a` and `_b` alternate at a rotation. */
export type Login =
  | 'superuser'
  | 'replication'
  | 'rewind'
  | 'owner'
  | 'app_a'
  | 'app_b'
  | 'readonly_a'
  | 'readonly_b'
  | 'monitoring'
  | 'pgbouncer_auth'
  | 'etcd_root'
  | 'etcd_patroni'
  | 'patroni_rest'
  | 'grafana_admin';

/** The SSM name of one of the cluster's parameters: `/project/environment/path`. */
export function parameterName(cluster: Cluster, path: string): string {
  return `/${cluster.project}/${cluster.environment}/${path}`;
}

/** The SSM name of a login's password. */
export function passwordParameter(cluster: Cluster, login: Login): string {
  return parameterName(cluster, `passwords/${login}`);
}
