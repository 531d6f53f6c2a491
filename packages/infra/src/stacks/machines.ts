import {
  type Cluster,
  dataVolumeName,
  isPublic,
  machineResourceName,
  membersOf,
  type Node,
  type Region,
} from '../cluster/index.ts';
import { dataVolumeDevice, renderMachine, type Site, toUserData } from '../machines/index.ts';
import { MachineRole } from './machine-role.ts';
import type { Network } from './network.ts';
import type { SecurityGroups } from './security-groups.ts';
import { Construct, DataAwsEbsVolumes, Eip, Instance, VolumeAttachment } from './terraform.ts';

/** What the machines of a region stand in and are made from. */
export interface Surroundings {
  network: Network;
  groups: SecurityGroups;
  site: Site;
  /** A Terraform expression for the Debian image. */
  image: string;
  /** A Terraform expression for the account. */
  account: string;
  /** A Terraform expression for the permissions boundary of every role; null: there is none. */
  boundary: string | null;
}

/**
 * Changes of these stop or replace an instance, and a plan would do it to all of them at once. `pgha nodes replace` gives
 * one machine at a time what the configuration says; Terraform ignores none of them when it replaces.
 */
export const changedByReplacingOnly = [
  'ami',
  'availability_zone',
  'ebs_optimized',
  'instance_type',
  'key_name',
  'private_ip',
  'root_block_device',
  'subnet_id',
  'user_data',
  'user_data_base64',
] as const;

/**
 * EC2 refuses credits for every other family. A new T3 has none to begin with, and a first boot at the baseline, a fifth of a vCPU
 * or less, takes longer than a deploy waits; a database or an etcd that is throttled looks like one that died. So all are
 * unlimited: what they use above the baseline over a day is billed (`pgha cost` says how much).
 */
const isBurstable = ({ instanceType }: Node) => instanceType.startsWith('t');

/** The machines of one region, from the same rendering that the lab boots. */
export class Machines extends Construct {
  private readonly instances: ReadonlyMap<string, Instance>;
  private readonly addresses: ReadonlyMap<string, Eip>;
  /** Name of a database machine -> a Terraform expression for its volume: null as long as there is none. */
  readonly dataVolumes: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, cluster: Cluster, region: Region, surroundings: Surroundings) {
    super(scope, id);
    this.instances = new Map(
      region.nodes.map((node) => [node.name, this.addInstance(cluster, region, node, surroundings)]),
    );
    this.addresses = new Map(
      region.nodes
        .filter(({ role }) => isPublic(role))
        .map((node) => [node.name, this.addAddress(cluster, node, surroundings)]),
    );
    this.dataVolumes = Object.fromEntries(membersOf(region).map((node) => [node.name, this.attachData(cluster, node)]));
  }

  instanceOf(node: Node): Instance {
    const found = this.instances.get(node.name);
    if (found === undefined)
      throw new Error(`unknown node "${node.name}". Nodes of this region: ${[...this.instances.keys()].join(', ')}`);
    return found;
  }

  /** The machine's public address, or null. */
  publicAddressOf(node: Node): string | null {
    return this.addresses.get(node.name)?.publicIp ?? null;
  }

  private addInstance(cluster: Cluster, region: Region, node: Node, surroundings: Surroundings): Instance {
    const { network, groups, site, image } = surroundings;
    const machine = renderMachine(cluster, node, site);
    const role = new MachineRole(this, `${node.name}-role`, cluster, machine, surroundings);
    const name = machineResourceName(cluster, node);
    return new Instance(this, node.name, {
      ami: image,
      instanceType: node.instanceType,
      subnetId: network.subnetOf(node).id,
      privateIp: node.address,
      vpcSecurityGroupIds: [groups.idOf(node.role)],
      iamInstanceProfile: role.profileName,
      ...(cluster.keyPair === null ? {} : { keyName: cluster.keyPair }),
      userDataBase64: toUserData(cluster, machine, site, region.awsRegion).toString('base64'),
      userDataReplaceOnChange: false,
      // a machine that translates addresses handles packets that are not its own
      sourceDestCheck: !(node.role === 'bastion' && cluster.egress === 'bastion'),
      ebsOptimized: true,
      ...(isBurstable(node) ? { creditSpecification: { cpuCredits: 'unlimited' } } : {}),
      // a container or a forwarded request on the machine must not reach its credentials
      metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 1 },
      rootBlockDevice: {
        volumeType: 'gp3',
        volumeSize: cluster.volumes.rootGib + (node.role === 'monitoring' ? cluster.volumes.monitoringGib : 0),
        encrypted: true,
        deleteOnTermination: true,
        tags: { Name: `${name}-root` },
      },
      tags: { Name: name, machine: node.name, role: node.role },
      lifecycle: { ignoreChanges: [...changedByReplacingOnly] },
    });
  }

  /** A fixed address: it stays when the machine is replaced. */
  private addAddress(cluster: Cluster, node: Node, { network }: Surroundings): Eip {
    return new Eip(this, `${node.name}-address`, {
      domain: 'vpc',
      instance: this.instanceOf(node).id,
      dependsOn: [network.internetGateway],
      tags: { Name: machineResourceName(cluster, node) },
    });
  }

  /**
   * The volume is the data stack's and is found by its name: it outlives every machine it was attached to. One that is not there
   * yet is attached by a later apply, so that this stack can be planned before the data stack was made; the machine waits for it.
   */
  private attachData(cluster: Cluster, node: Node): string {
    const { fqn } = new DataAwsEbsVolumes(this, `${node.name}-volume`, {
      filter: [{ name: 'tag:Name', values: [dataVolumeName(cluster, node)] }],
    });
    const volumeId = `\${one(${fqn}.ids)}`;
    const attachment = new VolumeAttachment(this, `${node.name}-data`, {
      deviceName: dataVolumeDevice,
      instanceId: this.instanceOf(node).id,
      volumeId,
      // the file system is unmounted before the volume leaves; an instance that died cannot do that, and must not keep the volume
      stopInstanceBeforeDetaching: true,
      forceDetach: true,
    });
    attachment.addOverride('count', `\${length(${fqn}.ids)}`);
    return volumeId;
  }
}
