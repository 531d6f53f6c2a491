import { type ClusterInput, defineCluster } from '../../cluster/index.ts';

/** The cluster of three-members.config.ts after pg-3 was removed. Nothing else may differ. */
const twoMembers: ClusterInput = { durability: 'zero-loss', primary: { postgres: 2 } };

export default defineCluster(twoMembers);
