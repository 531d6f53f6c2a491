import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allNodes,
  type Cluster,
  type ClusterInput,
  defineCluster,
  instanceTypeNamed,
  instanceTypes,
  loadBalancerListeners,
  maxConnections,
  membersOf,
  nodeNamed,
  ports,
  regionOf,
} from '../cluster/index.ts';
import { toUserData, userDataLimitBytes } from './cloud-init.ts';
import { patroniDynamicConfig } from './config/patroni.ts';
import { machineParameters, sharedParameters, walSegmentMib } from './config/postgresql.ts';
import { describeMachine } from './describe.ts';
import { assembleMachine, machineFile, type Site } from './machine.ts';
import { programBundle } from './program.ts';
import { renderMachine } from './render.ts';

const aws: Site = {
  kind: 'aws',
  ssmEndpoint: null,
  s3Endpoint: null,
  extraCa: null,
  hosts: {},
  packagesPreinstalled: false,
  watchdog: 'softdog',
  dataDevice: '/dev/sdf',
  artifactBucket: 'pgha-prod-artifacts',
  backupBuckets: { primary: 'pgha-prod-backups', dr: 'pgha-prod-dr-backups' },
};
const example = defineCluster({ alertEmail: 'ops@example.com', adminCidrs: ['203.0.113.7/32'] });

/** The largest cluster there may be: the longest names, the most machines. */
const largest: ClusterInput = {
  project: 'abcdefghijklmnop',
  environment: 'staging-eu-1',
  primary: { postgres: 3, etcd: 5, awsRegion: 'ap-southeast-1' },
  dr: { postgres: 3, etcd: 5, awsRegion: 'ap-northeast-1', apiServer: true, namePrefix: 'secondr-' },
  alertEmail: 'somebody-with-a-long-address@operations.example.com',
};

describe('a rendered machine', () => {
  it.each(['etcd-1', 'pg-1', 'dr-pg-1', 'api-1', 'monitoring-1', 'bastion-1'])(
    'is what the reviewer of its golden file saw: %s',
    async (name) => {
      const text = describeMachine(renderMachine(example, nodeNamed(example, name), aws));
      await expect(text).toMatchFileSnapshot(`./golden/${name}.txt`);
    },
  );

  it.each([['the example', example] as const, ['the largest cluster', defineCluster(largest)] as const])(
    'fits into user-data, on every machine of %s',
    (_, cluster) => {
      for (const node of allNodes(cluster)) {
        const bytes = toUserData(cluster, renderMachine(cluster, node, aws), aws, regionOf(cluster, node).awsRegion);
        expect(bytes.length, node.name).toBeLessThanOrEqual(userDataLimitBytes);
      }
    },
  );

  it('is the same bytes every time', () => {
    for (const node of allNodes(example)) {
      const render = () => toUserData(example, renderMachine(example, node, aws), aws, 'us-east-1');
      expect(render().equals(render())).toBe(true);
    }
  });

  it('refuses two parts that claim one file', () => {
    const node = nodeNamed(example, 'pg-1');
    const part = { files: [machineFile('/etc/one', 'text')] };
    expect(() => assembleMachine(node, [part, part])).toThrow('pg-1: two parts define /etc/one');
  });

  it('puts no secret where another user could read it, and none into a file of the rendering', () => {
    for (const node of allNodes(example)) {
      const machine = renderMachine(example, node, aws);
      for (const { parameter, mode, path } of machine.secrets) {
        const isPublic = parameter.endsWith('/certificate');
        expect(mode, path).toBe(isPublic ? '0644' : '0600');
      }
    }
  });
});

describe('user-data', () => {
  it('is cloud-config whose manifest is complete once the bundle of programs is added', () => {
    const { bytes, sha256 } = programBundle(example);
    const programs = JSON.parse(gunzipSync(bytes).toString()) as Record<string, string>;
    for (const node of allNodes(example)) {
      const machine = renderMachine(example, node, aws);
      const text = gunzipSync(toUserData(example, machine, aws, 'us-east-1')).toString();
      expect(text.startsWith('#cloud-config\n')).toBe(true);
      const config = JSON.parse(text.slice('#cloud-config\n'.length)) as {
        hostname: string;
        write_files: { path: string; content: string; permissions?: string }[];
      };
      expect(config.hostname).toBe(node.name);
      const file = config.write_files.find(({ path }) => path === '/var/lib/pgha/machine.json');
      expect(file?.permissions).toBe('0600');
      const manifest = JSON.parse(file?.content ?? '') as {
        programs: { sha256: string };
        files: { path: string; content?: string; program?: string }[];
      };
      expect(manifest.programs.sha256).toBe(sha256);
      const completed = manifest.files.map(({ path, content, program }) => [path, content ?? programs[program ?? '']]);
      expect(completed).toEqual(machine.files.map(({ path, content }) => [path, content]));
    }
  });
});

describe('PostgreSQL', () => {
  const types = fc.constantFrom(...Object.keys(instanceTypes));

  it('fits into the memory of every instance type, with every connection at work', () => {
    fc.assert(
      fc.property(types, types, (postgres, standby) => {
        const cluster = defineCluster({ instanceTypes: { postgres, standby } });
        for (const node of [
          ...membersOf(cluster.primary),
          ...membersOf(regionOf(cluster, nodeNamed(cluster, 'dr-pg-1'))),
        ]) {
          const { memoryMib } = instanceTypeNamed(node.instanceType);
          const parameters = machineParameters(cluster, node, { certificate: 'c', key: 'k', ca: 'a' });
          const mib = (name: string) => Number(/^(\d+)MB$/.exec(String(parameters[name]))?.[1]);
          const workMemMib = Number(/^(\d+)kB$/.exec(String(parameters['work_mem']))?.[1]) / 1024;
          const most = mib('shared_buffers') + mib('maintenance_work_mem') + maxConnections(cluster) * workMemMib;
          expect(most).toBeLessThan(memoryMib * 0.6);
          expect(workMemMib).toBeGreaterThanOrEqual(1);
        }
      }),
    );
  });

  it('keeps several segments of WAL in each of the sizes that are about WAL', () => {
    const node = nodeNamed(example, 'pg-1');
    const smallest = defineCluster({ volumes: { dataGib: 10 } });
    const parameters = {
      ...sharedParameters(smallest),
      ...machineParameters(smallest, node, { certificate: 'c', key: 'k', ca: 'a' }),
    };
    for (const name of ['min_wal_size', 'max_wal_size', 'wal_keep_size', 'max_slot_wal_keep_size']) {
      expect(Number(/^(\d+)MB$/.exec(String(parameters[name]))?.[1]), name).toBeGreaterThanOrEqual(16 * walSegmentMib);
    }
  });

  it('bounds the temporary files of a process to a twentieth of the data volume, whatever its size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 16_384 }), (dataGib) => {
        const cluster = defineCluster({ volumes: { dataGib } });
        for (const node of [...membersOf(cluster.primary), nodeNamed(cluster, 'dr-pg-1')]) {
          const parameters = machineParameters(cluster, node, { certificate: 'c', key: 'k', ca: 'a' });
          const limitMib = Number(/^(\d+)MB$/.exec(String(parameters['temp_file_limit']))?.[1]);
          expect(limitMib).toBeGreaterThanOrEqual(512);
          expect(limitMib * 20).toBeLessThanOrEqual(dataGib * 1024);
          // a sort that is worth a temporary file fits into it
          expect(limitMib).toBeGreaterThan(Number(/^(\d+)kB$/.exec(String(parameters['work_mem']))?.[1]) / 1024);
        }
      }),
    );
  });

  it('is admitted to over TLS and SCRAM only, but for the system users of the machine on its socket', () => {
    const rules = contentOf(example, 'pg-1', '/etc/patroni/config/10-machine.yml')
      .split('pg_hba:\n')[1]
      ?.split('pg_ident:')[0]
      ?.trim()
      .split('\n')
      .map((line) => line.replace(/^\s*- /, ''));
    expect(rules?.length).toBeGreaterThan(5);
    for (const rule of rules ?? []) {
      expect(rule).toMatch(
        /^(local (all|pgha) (postgres|monitoring|backup) peer|hostssl .* scram-sha-256( clientcert=verify-ca)?$)/,
      );
      expect(rule).not.toMatch(/0\.0\.0\.0\/0| all all /);
    }
  });
});

describe("Patroni's shared configuration", () => {
  it('is strict exactly where the cluster promises zero loss', () => {
    const three = defineCluster({ primary: { postgres: 3 } });
    expect(patroniDynamicConfig(three, three.primary)).toMatchObject({
      synchronous_mode: 'quorum',
      synchronous_mode_strict: true,
    });
    expect(patroniDynamicConfig(example, example.primary)).toMatchObject({
      synchronous_mode: true,
      synchronous_mode_strict: false,
      slots: { dr: { type: 'physical' } },
    });
  });

  it('makes the second region a standby of the first, and waits for nobody where there is one member', () => {
    const dr = regionOf(example, nodeNamed(example, 'dr-pg-1'));
    expect(patroniDynamicConfig(example, dr)).toMatchObject({
      synchronous_mode: false,
      standby_cluster: { host: 'pg-1.prod.pgha.internal,pg-2.prod.pgha.internal', port: 5432, primary_slot_name: 'dr' },
    });
    const alone = defineCluster({ dr: null });
    expect(patroniDynamicConfig(alone, alone.primary)).not.toHaveProperty('slots');
  });
});

describe('ports', () => {
  it('behind every listener of the load balancer, and its health check, are answered by every member', () => {
    for (const node of membersOf(example.primary)) {
      const { listens } = renderMachine(example, node, aws);
      const admitted = listens.filter(({ from }) => from.includes('load-balancer')).map(({ port }) => port);
      expect(admitted.sort()).toEqual(
        [...loadBalancerListeners.map(({ targetPort }) => targetPort), ports.nodeCheck].sort(),
      );
    }
  });
});

function contentOf(cluster: Cluster, name: string, path: string): string {
  const file = renderMachine(cluster, nodeNamed(cluster, name), aws).files.find((candidate) => candidate.path === path);
  return file?.content ?? expect.fail(`${name} has no ${path}`);
}
