import { describe, expect, it } from 'vitest';
import {
  allNodes,
  type Cluster,
  type ClusterInput,
  defineCluster,
  loadBalancerListeners,
  membersOf,
  type Node,
  natGatewayAddress,
  nodesOf,
  ports,
  type Region,
  regionOf,
  regionsOf,
} from '../../cluster/index.ts';
import { awsSite, type Machine, renderMachine, toUserData } from '../../machines/index.ts';
import { rolesOf, webPorts } from '../connections.ts';
import { changedByReplacingOnly } from '../machines.ts';
import { resourcesOf, type Stacks, synthesize } from '../synthesized.ts';
import { everyOption } from './every-option.config.ts';
import { bearerOf, permits, rulesOf, stackOf } from './reach.ts';

const account = '123456789012';
const configurations: readonly (readonly [string, ClusterInput])[] = [
  ['the example', {}],
  ['one region', { primary: { postgres: 3 }, dr: null, monitoring: false, egress: 'nat-gateway' }],
  ['two whole regions', { ...everyOption, egress: 'bastion' }],
];

const siteOf = (cluster: Cluster, region: Region) => awsSite(cluster, region, account);
const machinesOf = (cluster: Cluster, nodes: readonly Node[]): Machine[] =>
  nodes.map((node) => renderMachine(cluster, node, siteOf(cluster, regionOf(cluster, node))));

/** Every `host:port` and `https://host:port` that a machine's own files contain. */
function dialled(machine: Machine, cluster: Cluster): { host: string; port: number }[] {
  const text = machine.files.map(({ content }) => content).join('\n');
  const hosts = [
    ...allNodes(cluster).flatMap(({ hostname, address }) => [hostname, address]),
    ...regionsOf(cluster).map(({ loadBalancer }) => loadBalancer.hostname),
  ];
  const pairs = [...text.matchAll(/\b([a-z0-9][a-z0-9.-]*):(\d{2,5})\b/g)].map(([, host = '', port]) => ({
    host,
    port: Number(port),
  }));
  const database = /DB_HOST=(\S+) DB_PORT=(\d+)/g;
  const services = [...text.matchAll(database)].map(([, host = '', port]) => ({ host, port: Number(port) }));
  return [...pairs, ...services].filter(({ host }) => hosts.includes(host));
}

describe.each(configurations)('the stacks of %s', (_, input) => {
  const cluster = defineCluster(input);
  const stacks: Stacks = synthesize(input, account);

  it('check and forward to ports that every target listens on for the load balancer', () => {
    for (const region of regionsOf(cluster)) {
      const groups = Object.values(stackOf(stacks, region).resource['aws_lb_target_group'] ?? {});
      expect(groups).toHaveLength(loadBalancerListeners.length);
      for (const { listens } of machinesOf(cluster, membersOf(region))) {
        const admitted = listens.filter(({ from }) => from.includes('load-balancer')).map(({ port }) => port);
        expect(admitted).toEqual(expect.arrayContaining(groups.map(({ port }) => port)));
        expect(admitted).toEqual(expect.arrayContaining(groups.map(({ health_check: check }) => Number(check.port))));
      }
    }
  });

  it('register every member at every listener, by address', () => {
    for (const region of regionsOf(cluster)) {
      const { resource } = stackOf(stacks, region);
      const targets = Object.values(resource['aws_lb_target_group_attachment'] ?? {}).map(
        ({ target_id: address, port }) => `${address}:${port}`,
      );
      const wanted = membersOf(region).flatMap(({ address }) =>
        loadBalancerListeners.map(({ targetPort }) => `${address}:${targetPort}`),
      );
      expect(targets.sort()).toEqual(wanted.sort());
    }
  });

  it('admit nothing to a port that no machine of the group listens on', () => {
    for (const region of regionsOf(cluster)) {
      for (const role of rolesOf(region)) {
        const listening = machinesOf(cluster, nodesOf(region, role)).flatMap(({ listens }) =>
          listens.map(({ port }) => port),
        );
        const translated = role === 'bastion' && cluster.egress === 'bastion' ? webPorts.map(({ port }) => port) : [];
        const admitted = rulesOf(stackOf(stacks, region), 'ingress', role).map(({ from_port: port }) => port);
        for (const port of admitted) expect([...listening, ...translated], `${role} ${port}`).toContain(port);
      }
      const balanced = loadBalancerListeners.map(({ port }): number => port);
      for (const { from_port: port } of rulesOf(stackOf(stacks, region), 'ingress', 'load-balancer')) {
        expect(balanced).toContain(port);
      }
    }
  });

  it('have the same ports on every machine of a role, which is what one group of them assumes', () => {
    for (const region of regionsOf(cluster)) {
      for (const role of rolesOf(region)) {
        const [first, ...others] = machinesOf(cluster, nodesOf(region, role));
        for (const other of others) expect(other.listens).toEqual(first?.listens);
      }
    }
  });

  it('open every port that a machine dials, at both ends', () => {
    for (const machine of machinesOf(cluster, allNodes(cluster))) {
      const region = regionOf(cluster, machine.node);
      for (const { host, port } of dialled(machine, cluster)) {
        const target = bearerOf(cluster, host);
        if (target === null || target.addresses.includes(machine.node.address)) continue;
        const { role, address } = machine.node;
        const what = `${machine.node.name} to ${host}:${port}`;
        if (target.region.kind === region.kind) {
          const stack = stackOf(stacks, region);
          expect(permits(stack, 'egress', role, { group: target.group }, port), `${what}, out`).toBe(true);
          expect(permits(stack, 'ingress', target.group, { group: role }, port), `${what}, in`).toBe(true);
          continue;
        }
        for (const each of target.addresses) {
          expect(permits(stackOf(stacks, region), 'egress', role, { address: each }, port), `${what}, out`).toBe(true);
        }
        expect(permits(stackOf(stacks, target.region), 'ingress', target.group, { address }, port), `${what}, in`).toBe(
          true,
        );
      }
    }
  });

  it('answer every name that a machine resolves, in its own region', () => {
    for (const machine of machinesOf(cluster, allNodes(cluster))) {
      const { resource } = stackOf(stacks, regionOf(cluster, machine.node));
      const records = Object.values(resource['aws_route53_record'] ?? {}).map(({ name }) => name);
      const zone = cluster.zone.replaceAll('.', '\\.');
      const names = machine.files.flatMap(
        ({ content }) => content.match(new RegExp(`[a-z0-9-]+\\.${zone}`, 'g')) ?? [],
      );
      expect(names.length).toBeGreaterThan(0);
      for (const name of new Set(names)) expect(records, machine.node.name).toContain(name);
    }
  });

  it('answer for every machine and both load balancers in each region, because clients name both', () => {
    const names = [
      ...allNodes(cluster).map(({ hostname }) => hostname),
      ...regionsOf(cluster).map(({ loadBalancer }) => loadBalancer.hostname),
    ].sort();
    for (const region of regionsOf(cluster)) {
      const records = Object.values(stackOf(stacks, region).resource['aws_route53_record'] ?? {});
      expect(records.map(({ name }) => name).sort()).toEqual(names);
    }
  });

  it('give every machine the user-data of its rendering, its address and its zone', () => {
    for (const machine of machinesOf(cluster, allNodes(cluster))) {
      const region = regionOf(cluster, machine.node);
      const instance = stackOf(stacks, region).resource['aws_instance']?.[`machines_${machine.node.name}`];
      const userData = toUserData(cluster, machine, siteOf(cluster, region), region.awsRegion);
      expect(instance?.['user_data_base64']).toBe(userData.toString('base64'));
      expect(instance?.['private_ip']).toBe(machine.node.address);
    }
  });

  it('attach every data volume under the name that its machine mounts', () => {
    for (const machine of machinesOf(cluster, regionsOf(cluster).flatMap(membersOf))) {
      const { resource } = stackOf(stacks, regionOf(cluster, machine.node));
      const attachment = resource['aws_volume_attachment']?.[`machines_${machine.node.name}-data`];
      const mount = machine.files.find(({ path }) => path.endsWith('/var-lib-postgresql.mount'));
      expect(mount?.content).toContain(`\nWhat=${attachment?.['device_name']}\n`);
      expect(machine.packages).toContain('amazon-ec2-utils');
    }
  });

  it('never stop or replace a machine by a plan, and keep what must outlive a mistake', () => {
    for (const { arguments: given } of resourcesOf(stacks, 'aws_instance')) {
      expect(given['lifecycle'].ignore_changes).toEqual([...changedByReplacingOnly]);
      expect(given['user_data_replace_on_change']).toBe(false);
    }
    const kept = ['aws_ebs_volume', 'aws_kms_key', 'aws_s3_bucket'].flatMap((type) => resourcesOf(stacks, type));
    for (const { stack, name, arguments: given } of kept) {
      expect(stack, name).toMatch(/-data$/);
      expect(given['lifecycle'].prevent_destroy, name).toBe(true);
    }
  });

  it('give the NAT gateway an address that no machine, of any size of the cluster, and no load balancer has', () => {
    const most: ClusterInput = { ...input, primary: { ...input.primary, postgres: 3, etcd: 5 } };
    for (const region of regionsOf(defineCluster(most))) {
      const taken = [...region.nodes.map(({ address }) => address), ...region.loadBalancer.addresses];
      for (const gateway of Object.values(stackOf(stacks, region).resource['aws_nat_gateway'] ?? {})) {
        expect(gateway['private_ip']).toBe(natGatewayAddress(region));
        expect(gateway['lifecycle'].ignore_changes).toEqual(['private_ip']);
      }
      expect(taken).not.toContain(natGatewayAddress(region));
      const subnet = region.subnets[0]?.publicCidr.replace(/\d+\/24$/, '') ?? '';
      expect(natGatewayAddress(region).startsWith(subnet)).toBe(true);
    }
  });

  it('let go of a data volume whose machine died, and stop one that lives first', () => {
    for (const { arguments: given } of resourcesOf(stacks, 'aws_volume_attachment')) {
      expect(given).toMatchObject({ stop_instance_before_detaching: true, force_detach: true });
    }
  });

  it('take a volume that outlived its machine in again, and let go of that of a machine that was removed', () => {
    for (const region of regionsOf(cluster)) {
      const data = stacks[`${region.kind}-data`];
      const volumes = Object.entries(data?.resource['aws_ebs_volume'] ?? {});
      expect(volumes.map(([name]) => name)).toEqual(membersOf(region).map(({ name }) => `${name}-data`));
      for (const [name, { tags }] of volumes) {
        const block = data?.import?.find(({ to }) => to === `aws_ebs_volume.${name}`);
        const source = /data\.aws_ebs_volumes\.([\w-]+)\.ids/.exec(block?.['for_each'])?.[1] ?? '';
        expect(data?.data['aws_ebs_volumes']?.[source]?.['filter'], name).toEqual([
          { name: 'tag:Name', values: [tags.Name] },
        ]);
      }
      const removed = (data?.removed ?? []).map(({ from, lifecycle }) => [from, lifecycle]);
      const beyond = [1, 2, 3].slice(membersOf(region).length).map((number) => {
        const name = membersOf(region)[0]?.name.replace(/1$/, `${number}-data`);
        return [`aws_ebs_volume.${name}`, { destroy: false }];
      });
      expect(removed).toEqual(beyond);
    }
  });

  it('look for what another stack makes under the name it makes it', () => {
    const tag = (type: string, stack: string) =>
      resourcesOf(stacks, type)
        .filter((each) => each.stack === stack)
        .map(({ arguments: given }) => given['tags'].Name);
    for (const { kind } of regionsOf(cluster)) {
      const wanted = Object.values(stacks[kind]?.data['aws_ebs_volumes'] ?? {}).map(
        ({ filter: [first] }) => first.values[0],
      );
      expect(wanted.sort()).toEqual(tag('aws_ebs_volume', `${kind}-data`).sort());
    }
    for (const [name, { filter }] of Object.entries(stacks.peering?.data['aws_vpc'] ?? {})) {
      expect(tag('aws_vpc', name.replace('-network', ''))).toEqual(filter[0].values);
    }
    for (const [name, { filter }] of Object.entries(stacks.peering?.data['aws_route_table'] ?? {})) {
      expect(tag('aws_route_table', name.replace(/-.*/, ''))).toEqual(expect.arrayContaining(filter[0].values));
    }
  });

  it('stay within what EC2 and IAM accept', () => {
    for (const region of regionsOf(cluster)) {
      for (const group of [...rolesOf(region), 'load-balancer' as const]) {
        // VPC quotas: 60 rules a direction and group
        for (const direction of ['ingress', 'egress'] as const) {
          expect(rulesOf(stackOf(stacks, region), direction, group).length, group).toBeLessThanOrEqual(60);
        }
      }
    }
    for (const { name, arguments: given } of resourcesOf(stacks, 'aws_iam_role_policy')) {
      // IAM quotas: 10 240 characters for all inline policies of a role, the account's number in place
      expect(given['policy'].replaceAll(/\$\{[^}]*\}/g, account).length, name).toBeLessThanOrEqual(10_240);
    }
  });
});

describe('a rendering', { timeout: 30_000 }, () => {
  it('is the same every time, and depends on the account in nothing but names', () => {
    expect(JSON.stringify(synthesize({}))).toBe(JSON.stringify(synthesize({})));
  });

  it('leaves endpoints, credentials and profiles to the environment', () => {
    for (const { provider } of Object.values(synthesize({}, account))) {
      for (const settings of provider['aws']) {
        expect(Object.keys(settings).sort()).toEqual(
          ['allowed_account_ids', 'default_tags', 'region', ...('alias' in settings ? ['alias'] : [])].sort(),
        );
      }
    }
  });

  it('asks for CPU credits only where EC2 knows them', () => {
    const stacks = synthesize({ instanceTypes: { postgres: 'm7i.large' } });
    for (const { arguments: given } of resourcesOf(stacks, 'aws_instance')) {
      const wanted = given['instance_type'].startsWith('t3.') ? { cpu_credits: 'unlimited' } : undefined;
      expect([given['credit_specification']].flat()[0]).toEqual(wanted);
    }
  });

  it("keeps each region's state in that region, locked by Terraform itself", () => {
    const stacks = synthesize({}, account);
    const backend = (name: 'primary' | 'dr' | 'peering') => stacks[name]?.terraform['backend'].s3;
    expect(backend('primary')).toMatchObject({ region: 'us-east-1', use_lockfile: true, encrypt: true });
    expect(backend('dr')).toMatchObject({ region: 'us-west-2', use_lockfile: true, encrypt: true });
    expect(backend('peering')).toMatchObject({ region: 'us-west-2', key: 'pgha-prod/peering.tfstate' });
  });

  it('keeps the state beside itself when nobody logged in, or when the configuration says so', () => {
    for (const stacks of [synthesize({}), synthesize({ state: 'local' }, account)]) {
      for (const { terraform } of Object.values(stacks)) {
        expect(terraform['backend']).toEqual({ local: { path: 'terraform.tfstate' } });
      }
    }
  });

  it('opens the API to everybody only when the configuration says so, and the health check to nobody else', () => {
    const open = (stacks: Stacks) =>
      resourcesOf(stacks, 'aws_vpc_security_group_ingress_rule')
        .filter(({ arguments: given }) => given['cidr_ipv4'] === '0.0.0.0/0')
        .map(({ arguments: given }) => given['from_port'])
        .sort();
    expect(open(synthesize({}))).toEqual([]);
    expect(open(synthesize({ apiCidrs: ['0.0.0.0/0'] }))).toEqual([ports.api, ports.readApi]);
  });
});
