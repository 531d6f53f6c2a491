import { type ClusterInput, defineCluster } from '../../cluster/index.ts';

/** A cluster with everything switched on, so that every resource there may be is looked at. */
export const everyOption: ClusterInput = {
  primary: { postgres: 3, etcd: 5 },
  dr: { postgres: 2, apiServer: true },
  egress: 'nat-gateway',
  flowLogs: true,
  objectLockDays: 7,
  alertEmail: 'ops@example.com',
  keyPair: 'ops',
  adminCidrs: ['203.0.113.7/32'],
  apiCidrs: ['0.0.0.0/0'],
};

export default defineCluster(everyOption);
