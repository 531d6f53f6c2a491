import {
  activeLoginParameter,
  type Cluster,
  type Login,
  loginsOf,
  membersOf,
  type Node,
  nodesOf,
  passwordParameter,
  type Region,
  type RotatingLogin,
  regionOf,
  regionsOf,
  rotatingLogins,
} from '@pgha/infra/cluster';
import { awsSite, databaseRotatingLogins, ownerRole, renderMachine, type SecretFile } from '@pgha/infra/machines';
import type { RunResult } from '../../src/hosts/host.ts';
import { fingerprintOf, splitPem as split, isSignedBy as verify } from '../../src/secrets/index.ts';
import { createFakeCluster, type FakeCluster, type FakeCommand } from './fake-cluster.ts';

/** A machine with what it fetched and what its programs made of it. */
interface SecretMachine {
  node: Node;
  region: Region;
  manifest: readonly SecretFile[];
  /** Path -> value. */
  files: Map<string, string>;
  /** What its programs present and trust since they last read their files: path -> value. */
  inForce: Map<string, string>;
  /** What Patroni's REST interface shows and trusts: it reads both when its certificate is another one. */
  rest: { certificate: string; trusted: string };
}

/** A cluster whose machines use their secrets: what is presented has to be what is accepted, at every moment. */
export interface SecretsWorld extends FakeCluster {
  /** What every region's Parameter Store began with. */
  values: ReadonlyMap<string, string>;
  machines: ReadonlyMap<string, SecretMachine>;
  /** What the database accepts: role -> password. */
  verifiers: Map<string, string>;
  /** What each region's etcd accepts: login -> password. */
  etcdUsers: ReadonlyMap<Region['kind'], Map<string, string>>;
  /** Logins that somebody uses besides those that machines present. */
  strangers: Set<Login>;
  /** Backup repositories by the key they are known under, with the labels of their full backups. */
  backups: Map<number, string[]>;
  /** The machines that fetch any of these parameters, without rendering them again. */
  readersOf(names: readonly string[]): readonly Node[];
  /** A machine that was off starts: it fetches, and its programs read what there is. */
  boot(name: string): void;
}

const done = (value: unknown = ''): RunResult => ({
  exitCode: 0,
  stdout: typeof value === 'string' ? value : JSON.stringify(value),
  stderr: '',
});
const failed = (stderr: string): RunResult => ({ exitCode: 1, stdout: '', stderr });

const secretPath = (name: string) => `/etc/pgha/secrets/${name}`;
const caPath = '/etc/pgha/tls/ca.crt';
const memberCertificate = '/etc/pgha/tls/postgres.crt';
const isEtcdRole = (role: RotatingLogin) => !(databaseRotatingLogins as readonly RotatingLogin[]).includes(role);
const ownerOf = (login: string) => (login === 'owner' ? ownerRole : login);

/** Whether a program of a machine only tells something. */
function isLook(words: readonly string[]): boolean {
  const [program = '', verb = ''] = words;
  if (['pg_isready', 'pgha-observe', 'pgha-certificates'].some((name) => program.endsWith(name))) return true;
  if (program.endsWith('database-roles')) return true;
  return (program === 'pgha-etcdctl' && verb === 'endpoint') || (program === 'pgbackrest' && words.includes('info'));
}

/** Remembers answers: a world is looked at after every command, and certificates hardly ever change. */
function remembered<T>(work: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const there = known.get(text);
    if (there !== undefined) return there;
    const made = work(text);
    known.set(text, made);
    return made;
  };
}

/**
 * Makes worlds of one cluster.
 *
 * @param values what both regions' stores begin with: a cluster after `pgha secrets init`.
 */
export function secretsWorlds(cluster: Cluster, values: ReadonlyMap<string, string>): () => SecretsWorld {
  const manifests = new Map(
    regionsOf(cluster).flatMap((region) =>
      region.nodes.map((node): [Node, readonly SecretFile[]] => [
        node,
        renderMachine(cluster, node, awsSite(cluster, region, '123456789012')).secrets,
      ]),
    ),
  );
  const signers = remembered((certificate) => remembered((authority) => verify(certificate, authority)));
  const isSignedBy = (certificate: string, authority: string) => signers(certificate)(authority);
  const splitPem = remembered(split);
  const fingerprint = remembered(fingerprintOf);
  return () => createSecretsWorld(cluster, values, { manifests, isSignedBy, splitPem, fingerprint });
}

interface Known {
  manifests: ReadonlyMap<Node, readonly SecretFile[]>;
  isSignedBy(certificate: string, authority: string): boolean;
  splitPem(text: string): readonly string[];
  fingerprint(certificate: string): string;
}

function createSecretsWorld(
  cluster: Cluster,
  values: ReadonlyMap<string, string>,
  { manifests, isSignedBy, splitPem, fingerprint }: Known,
): SecretsWorld {
  const machines = new Map(
    regionsOf(cluster).flatMap((region) =>
      region.nodes.map((node): [string, SecretMachine] => {
        const secrets = manifests.get(node) ?? [];
        const files = new Map(secrets.map(({ parameter, path }) => [path, values.get(parameter) ?? '']));
        const rest = { certificate: files.get(memberCertificate) ?? '', trusted: files.get(caPath) ?? '' };
        return [node.name, { node, region, manifest: secrets, files, inForce: new Map(files), rest }];
      }),
    ),
  );
  const verifiers = new Map<string, string>();
  const etcdUsers = new Map(regionsOf(cluster).map(({ kind }) => [kind, new Map<string, string>()]));
  const strangers = new Set<Login>();
  const backups = new Map<number, string[]>([
    [1, ['first']],
    [2, ['first']],
  ]);
  const storedIn = (region: Region, name: string) => world.stored.get(region.kind)?.get(name)?.value ?? '';

  const updateRoles = ({ files }: SecretMachine) => {
    for (const login of ['owner', ...databaseRotatingLogins.flatMap(loginsOf)]) {
      verifiers.set(ownerOf(login), files.get(secretPath(login)) ?? '');
    }
  };
  const updateEtcd = ({ region, files }: SecretMachine) => {
    const users = etcdUsers.get(region.kind) ?? new Map();
    for (const login of [...loginsOf('etcd_admin'), ...loginsOf('etcd_patroni')]) {
      users.set(login, files.get(secretPath(login)) ?? '');
    }
  };
  const isPrimary = ({ node }: SecretMachine) =>
    [...(world.regions.get('primary')?.members ?? [])].some(
      ([name, { role }]) => name === node.name && role === 'leader',
    );
  // most commands only look, and whom everybody trusts is much to compare
  let isShownAnew = true;
  const tell = (machine: SecretMachine, unit: string) => {
    isShownAnew = true;
    if (unit === 'pgha-database-roles.service' && isPrimary(machine)) updateRoles(machine);
    if (unit === 'pgha-etcd-auth.service') updateEtcd(machine);
    const { files, inForce, rest } = machine;
    for (const { path, onChange } of machine.manifest) {
      if (onChange.some((change) => change.unit === unit)) inForce.set(path, files.get(path) ?? '');
    }
    const certificate = files.get(memberCertificate) ?? '';
    if (unit === 'patroni.service' && certificate !== rest.certificate) {
      machine.rest = { certificate, trusted: files.get(caPath) ?? '' };
    }
  };
  const fetch = (machine: SecretMachine) => {
    const { region, manifest, files, inForce } = machine;
    const next = new Map(manifest.map(({ parameter, path }) => [path, storedIn(region, parameter)]));
    const trusted = splitPem(next.get(caPath) ?? '');
    const isSet = manifest
      .filter(({ path }) => path.endsWith('.crt') && path !== caPath)
      .every(({ path }) => trusted.some((ca) => isSignedBy(next.get(path) ?? '', ca)));
    if (!isSet) return failed('pgha-secrets: a certificate was signed by none of the CAs');
    const changed = manifest.filter(({ path }) => next.get(path) !== files.get(path));
    isShownAnew ||= changed.length > 0;
    if (changed.length === 0) world.looks.add(world.commands.length - 1);
    for (const [path, value] of next) files.set(path, value);
    for (const unit of new Set(changed.flatMap(({ onChange }) => onChange.map(({ unit: each }) => each)))) {
      tell(machine, unit);
    }
    // what nobody has to be told is read at every use
    for (const { path, onChange } of manifest) if (onChange.length === 0) inForce.set(path, files.get(path) ?? '');
    return done({ changed: changed.map(({ path }) => path) });
  };

  const extra: FakeCommand = (name, argv, { input = '' }) => {
    const machine = machines.get(name);
    if (machine === undefined) return null;
    const asked = argv[0] === 'runuser' ? argv.slice(4) : argv;
    const words = asked[0] === 'timeout' ? asked.slice(2) : asked;
    const [command = '', verb = ''] = words;
    if (isLook(words)) world.looks.add(world.commands.length - 1);
    if (command === 'pgha-secrets') return fetch(machine);
    if (command === 'systemctl') {
      tell(machine, words[2] ?? '');
      return done();
    }
    if (command.endsWith('pgha-etcd-auth')) {
      updateEtcd(machine);
      return done({ changed: [] });
    }
    if (command === 'pgha-etcdctl' && verb === 'endpoint') return done([{ endpoint: name, health: true }]);
    if (command === 'pg_isready') return done();
    if (command.endsWith('database-roles'))
      return done(verb === 'check' ? checkRoles(machine) : usersOf(words.slice(2)));
    if (command.endsWith('pgha-observe')) return done(observe(machine));
    if (command.endsWith('pgha-certificates')) return done(verb === 'probe' ? probe(machine, input) : served(machine));
    if (command === 'sh' && argv.includes('curl')) return done();
    if (command === 'flock' || command === 'pgbackrest') return pgbackrest(words);
    if (command === 'psql') return done();
    return null;
  };

  const checkRoles = (machine: SecretMachine) => ({
    isPrimary: isPrimary(machine),
    reloadedSecondsAgo: 60,
    current: Object.fromEntries(
      ['owner', ...databaseRotatingLogins.flatMap(loginsOf)].map((login) => [
        ownerOf(login),
        verifiers.get(ownerOf(login)) === machine.files.get(secretPath(login)),
      ]),
    ),
  });
  const usersOf = (logins: readonly string[]) =>
    [...new Set([...presented().map(({ login }) => login), ...strangers])]
      .filter((login) => logins.includes(login))
      .map((login) => ({ login, from: '10.0.0.1', application: 'test', sessions: 1, by: 'database' }));
  const observe = (machine: SecretMachine) => ({
    machine: machine.node.name,
    api: { release: 'x', ready: { api: 'ready', 'read-api': 'ready' } },
    database: { walWaiting: 0, archiver: { lastArchivedWal: `${world.commands.length}` } },
  });
  const isMember = ({ node, region }: SecretMachine) => membersOf(region).some(({ name }) => name === node.name);
  /** Every certificate that a machine shows, to its clients or to servers. */
  const own = (machine: SecretMachine) => [
    ...machine.manifest
      .filter(({ path }) => path.endsWith('.crt') && path !== caPath)
      .map(({ path }) => machine.inForce.get(path) ?? ''),
    ...(isMember(machine) ? [machine.rest.certificate] : []),
  ];
  /** The bundles that its programs believe. */
  const bundles = (machine: SecretMachine) => [
    machine.inForce.get(caPath) ?? '',
    ...(isMember(machine) ? [machine.rest.trusted] : []),
  ];
  const served = (machine: SecretMachine) => ({
    authorities: splitPem(machine.files.get(caPath) ?? '').map((each) => ({ fingerprint: fingerprint(each) })),
    files: [],
    served: own(machine).map((certificate, port) => ({ port, fingerprint: fingerprint(certificate) })),
  });
  const probe = (machine: SecretMachine, input: string) => {
    const [certificate = ''] = splitPem(input);
    return bundles(machine).map((bundle, port) => ({
      port,
      accepted: splitPem(bundle).some((ca) => isSignedBy(certificate, ca)),
    }));
  };
  const pgbackrest = (words: readonly string[]): RunResult => {
    const key = Number(words.find((word) => word.startsWith('--repo='))?.split('=')[1]);
    if (words.includes('info')) {
      const labels = backups.get(key);
      const status = labels === undefined ? { code: 1, message: 'missing stanza path' } : { code: 0, message: 'ok' };
      return done([{ repo: [{ key, status }], backup: (labels ?? []).map((label) => rawBackup(label, key)) }]);
    }
    if (words.includes('backup')) backups.set(key, [...(backups.get(key) ?? []), `backup-${world.commands.length}`]);
    return done();
  };

  /** Every login that a machine presents, with its password. */
  const presented = () =>
    [...machines.values()]
      .filter(({ node }) => !world.off.has(node.name))
      .flatMap((machine) =>
        rotatingLogins.flatMap((role) => {
          const login = machine.inForce.get(secretPath(`${role}_login`))?.trim();
          if (login === undefined) return [];
          return [{ machine, role, login, password: machine.inForce.get(secretPath(login)) ?? '' }];
        }),
      );

  const expectAccepted = (who: string, role: RotatingLogin, region: Region, login: string, password: string) => {
    const accepted = isEtcdRole(role) ? etcdUsers.get(region.kind)?.get(login) : verifiers.get(login);
    if (accepted !== password) throw new Error(`REFUSED: ${who} as ${login} (${role})`);
  };
  const expectTrust = () => {
    const running = [...machines.values()].filter(({ node }) => !world.off.has(node.name));
    const shown = running.flatMap((machine) =>
      [...new Set(own(machine))].map((certificate) => ({ machine, certificate })),
    );
    for (const truster of running) {
      for (const trusted of new Set(bundles(truster).map((bundle) => splitPem(bundle)))) {
        for (const { machine, certificate } of shown) {
          if (trusted.some((ca) => isSignedBy(certificate, ca))) continue;
          throw new Error(`REFUSED: ${truster.node.name} does not trust the certificate of ${machine.node.name}`);
        }
      }
    }
  };
  /** Whoever is served now goes on being served, and a machine that boots with what is stored gets in too. */
  const look = () => {
    for (const { machine, role, login, password } of presented()) {
      expectAccepted(machine.node.name, role, machine.region, login, password);
    }
    for (const region of regionsOf(cluster)) {
      // a region that is off as a whole brings its etcd up to date when it starts
      const isOff = region.nodes.every(({ name }) => world.off.has(name));
      for (const role of rotatingLogins.filter((each) => !(isOff && isEtcdRole(each)))) {
        const login = storedIn(region, activeLoginParameter(cluster, role)).trim();
        const password = storedIn(region, passwordParameter(cluster, login as Login));
        expectAccepted(`a machine that boots in ${region.awsRegion}`, role, region, login, password);
      }
    }
    if (isShownAnew) expectTrust();
    isShownAnew = false;
  };

  const world: SecretsWorld = Object.assign(
    createFakeCluster(cluster, extra, () => look()),
    {
      values,
      machines,
      verifiers,
      etcdUsers,
      strangers,
      backups,
      readersOf: (names: readonly string[]) =>
        [...machines.values()]
          .filter(({ manifest }) => manifest.some(({ parameter }) => names.includes(parameter)))
          .map(({ node }) => node),
      boot: (name: string) => {
        world.off.delete(name);
        const machine = machines.get(name);
        if (machine === undefined) throw new Error(`no machine ${name}`);
        fetch(machine);
        isShownAnew = true;
        for (const [path, value] of machine.files) machine.inForce.set(path, value);
        machine.rest = {
          certificate: machine.files.get(memberCertificate) ?? '',
          trusted: machine.files.get(caPath) ?? '',
        };
        if (isPrimary(machine)) updateRoles(machine);
        if (nodesOf(regionOf(cluster, machine.node), 'etcd')[0]?.name === name) updateEtcd(machine);
        look();
      },
    },
  );
  for (const held of world.stored.values()) {
    for (const [name, value] of values) {
      held.set(name, { value, version: 1, changedAt: new Date(0), isMirrored: true });
    }
  }
  for (const machine of machines.values()) {
    if (isPrimary(machine)) updateRoles(machine);
    if (nodesOf(machine.region, 'etcd')[0]?.name === machine.node.name) updateEtcd(machine);
  }
  return world;
}

function rawBackup(label: string, key: number) {
  return {
    label,
    type: 'full',
    // the first one was there before anything, the others are taken now
    timestamp: { start: 1, stop: label === 'first' ? 2 : Math.floor(Date.now() / 1_000) },
    archive: { start: 'a', stop: 'b' },
    lsn: { start: '0/1', stop: '0/2' },
    error: null,
    database: { 'repo-key': key },
    info: { size: 1, repository: { delta: 1 } },
  };
}
