import { type ClusterInput, defineCluster } from '../../cluster/index.ts';

/** What the emulated job of terraform.yml deploys first; one member of it is replaced, removed and added again. */
const threeMembers: ClusterInput = { primary: { postgres: 3 } };

export default defineCluster(threeMembers);
