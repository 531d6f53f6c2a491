import { type Cluster, machineResourceName, regionOf, rolePath } from '../cluster/index.ts';
import type { Machine, Site } from '../machines/index.ts';
import { machineStatements, policyDocument } from './permissions.ts';
import { Construct, IamInstanceProfile, IamRole, IamRolePolicy } from './terraform.ts';

/** One machine's IAM role. Each has its own: a machine cannot read its neighbour's key. */
export class MachineRole extends Construct {
  readonly profileName: string;

  /** @param boundary the permissions boundary of the cluster's roles; null: it has none. */
  constructor(
    scope: Construct,
    id: string,
    cluster: Cluster,
    machine: Machine,
    { site, account, boundary }: { site: Site; account: string; boundary: string | null },
  ) {
    super(scope, id);
    const { node } = machine;
    const name = machineResourceName(cluster, node);
    const path = rolePath(cluster, regionOf(cluster, node));
    const role = new IamRole(this, 'role', {
      name,
      path,
      ...(boundary === null ? {} : { permissionsBoundary: boundary }),
      assumeRolePolicy: policyDocument([
        { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ]),
    });
    new IamRolePolicy(this, 'policy', {
      name: 'machine',
      role: role.name,
      policy: policyDocument(machineStatements(cluster, machine, site, account)),
    });
    this.profileName = new IamInstanceProfile(this, 'profile', { name, path, role: role.name }).name;
  }
}
