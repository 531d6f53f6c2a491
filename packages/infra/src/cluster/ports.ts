/**
 * Every port of the system, once. Machines listen on them, security groups open them, tests compare the two.
 */
export const ports = {
  postgres: 5432,
  /** The router's way to the primary; the load balancer's 5432 arrives here. */
  routerPrimary: 5000,
  /** The router's way to a replica (the primary when there is none); the load balancer's 5433 arrives here. */
  routerReplica: 5001,
  pgbouncer: 6432,
  patroni: 8008,
  /** The load balancer's health check: is this node's router and pooler alive; never "is there a primary". */
  nodeCheck: 8009,
  haproxyMetrics: 8404,
  etcdClient: 2379,
  etcdPeer: 2380,
  nodeExporter: 9100,
  postgresExporter: 9187,
  pgbouncerExporter: 9127,
  pgbackrestExporter: 9854,
  prometheus: 9090,
  alertmanager: 9093,
  grafana: 3000,
  api: 8000,
  readApi: 8001,
  ssh: 22,
} as const;

/** What clients dial at the load balancer, and the machine port each listener forwards to. */
export const loadBalancerListeners = [
  { port: 5432, targetPort: ports.routerPrimary, purpose: 'read/write' },
  { port: 5433, targetPort: ports.routerReplica, purpose: 'read-only' },
  { port: 6432, targetPort: ports.pgbouncer, purpose: 'pooled read/write' },
] as const;
