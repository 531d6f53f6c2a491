import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { chooseAccount } from './account.ts';
import { reachableBinaries } from './binaries.ts';
import { createPrimary, DATABASE, syncToDisk } from './creation.ts';
import { claimDirectory, removeEverything, requireFiles } from './directory.ts';
import { writeDurably } from './durable-file.ts';
import { type Forwarder, openForwarder } from './forwarder.ts';
import { type Guard, startGuard } from './guard.ts';
import { startLogFile } from './log-file.ts';
import { type Login, type Logins, readOrCreateLogins, renderPasswordFile } from './logins.ts';
import { prepareDataRoot } from './place.ts';
import { choosePorts, type PortChoice } from './ports.ts';
import { createServer, type Server, stopLeftoverServer } from './server.ts';
import { renderPostgresConf } from './settings.ts';
import { FIRST_STATE, MEMBER_NAMES, type MemberName, otherMember, readState, writeState } from './state.ts';
import { type Member, renderCluster, type StatusServer, serveStatus } from './status.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';

export interface PairOptions {
  /** Where the data lives; created when absent. */
  dir: string;
  /** 0 or absent: any free port. */
  ports?: PortChoice;
  /** Begins anew: what lies in `dir` is removed. */
  fresh?: boolean;
  /** Progress and events, one line each. */
  log?: (line: string) => void;
  /** Default true. When false a lost primary stays lost until it is started again. */
  automaticFailover?: boolean;
  /** Breaks the start off. */
  signal?: AbortSignal;
}

/** A primary and its synchronous replica, with their router. */
export interface Pair {
  host: '127.0.0.1';
  /** Leads to whoever is primary now; closes connections at once while nobody is. */
  primaryPort: number;
  /** Leads to the replica, or to the primary while there is no replica. */
  replicaPort: number;
  /** `GET /cluster` there answers as Patroni does. */
  statusUrl: string;
  database: string;
  /** Made once and kept, readable for their owner alone, in `dir`. */
  logins: { owner: Login; app: Login; readonly: Login; superuser: Login };
  members(): Member[];
  /** The name of the member that is primary now. */
  primary(): MemberName;
  /** Resolves when the primary is writable and the replica streams synchronously. */
  settled(): Promise<void>;
  /** Stops the primary; with automatic failover the replica takes over and the old primary is rebuilt as replica. */
  stopPrimary(mode: 'fast' | 'immediate'): Promise<void>;
  /** SIGKILL to the primary's postmaster and every backend, as a power cut would. */
  killPrimary(): void;
  /** The same for the replica, which then stays down until `startStopped`. */
  killReplica(): void;
  /** Every forwarded connection of that port gets a TCP reset. */
  resetConnections(port: 'primary' | 'replica'): void;
  /** No connection that is open on that port now carries anything any more, and neither side is told. */
  muteConnections(port: 'primary' | 'replica'): void;
  /** The next automatic failover waits that long before it promotes. */
  promoteAfter(ms: number): void;
  /** Brings back what a fault has stopped; resolves when the pair is settled. */
  startStopped(): Promise<void>;
  stop(): Promise<void>;
  /** Ends this process's child too if this process dies without stopping it. */
  guardProcess(pid: number): void;
}

/** Crash recovery of a busy primary, or a copy of a large one. */
const SETTLED_MS = 60_000;

/**
 * Starts PostgreSQL as a primary and a streaming, synchronous replica. On the first start, both are made.
 *
 * @throws EmbeddedFailure, PortTaken: each with one line that says what to do.
 */
export async function startPair(options: PairOptions): Promise<Pair> {
  const undo: (() => unknown)[] = [];
  try {
    return await start(options, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function start(options: PairOptions, undo: (() => unknown)[]): Promise<Pair> {
  const { log = () => {}, signal } = options;
  const dir = claimDirectory(options.dir, undo);
  for (const name of MEMBER_NAMES) {
    if (await stopLeftoverServer(join(dir, 'data', name))) log(`stopped ${name}, left running by an earlier run`);
  }
  const ports = await choosePorts(options.ports ?? {});
  if (options.fresh === true) removeEverything(dir);
  const account = chooseAccount(join(dir, 'data'));
  const binaries = reachableBinaries(account);
  const root = prepareDataRoot(dir, account);
  const dataDirs = { pg1: join(root, 'pg1'), pg2: join(root, 'pg2') };
  const files = { state: join(dir, 'state.json'), logins: join(dir, 'logins.json'), passwords: join(dir, 'pgpass') };
  const found = readState(files.state);
  if (MEMBER_NAMES.some((name) => existsSync(dataDirs[name]))) requireFiles(root, [files.state, files.logins]);
  const logins = readOrCreateLogins(files.logins);
  writeDurably(files.passwords, renderPasswordFile(logins), 0o600);

  const guard = startGuard(dir, [dataDirs.pg1, dataDirs.pg2]);
  undo.push(() => guard.close());

  let supervisor: Supervisor | null = null;
  const writeSettings = (name: MemberName, waitsFor: MemberName | null) => {
    const upstream = {
      port: ports[otherMember(name)],
      user: logins.replication.user,
      password: logins.replication.password,
      name,
    };
    const conf = renderPostgresConf({ port: ports[name], waitsFor, upstream });
    writeDurably(join(dataDirs[name], 'postgresql.conf'), conf, 0o600, account);
  };
  const logFiles = startLogFile(join(dir, 'logs'), MEMBER_NAMES);
  undo.push(() => logFiles.close());
  const server = (name: MemberName): Server =>
    createServer({
      name,
      dataDir: dataDirs[name],
      postgres: binaries.postgres,
      account,
      logFile: logFiles.path(name),
      onExit: (asked) => supervisor?.exited(name, asked),
    });
  const servers = { pg1: server('pg1'), pg2: server('pg2') };
  undo.push(async () => {
    await servers.pg2.stop('fast');
    await servers.pg1.stop('fast');
  });

  let state = found;
  if (state === null || state.phase === 'creating') {
    log('creating the database');
    writeState(files.state, FIRST_STATE);
    for (const name of MEMBER_NAMES) rmSync(dataDirs[name], { recursive: true, force: true });
    signal?.throwIfAborted();
    await createPrimary({
      dataDir: dataDirs.pg1,
      port: ports.pg1,
      server: servers.pg1,
      binaries,
      account,
      logins,
      writeSettings,
    });
    state = { ...FIRST_STATE, phase: 'ready', stale: ['pg2'] };
    writeState(files.state, state);
  }

  const forwarders = {
    primary: await openForwarder(ports.primary, 'primary'),
    replica: await openForwarder(ports.replica, 'replica'),
  };
  undo.push(() => Promise.all([forwarders.primary.close(), forwarders.replica.close()]));

  const running = createSupervisor({
    servers,
    ports,
    dataDirs,
    forwarders,
    superuser: logins.superuser,
    state,
    automaticFailover: options.automaticFailover ?? true,
    log,
    saveState: (next) => writeState(files.state, next),
    writeSettings,
    account,
    syncToDisk: (dataDir) => syncToDisk(dataDir, binaries, account),
  });
  supervisor = running;
  undo.push(() => running.stop());
  const cluster = (statusUrl: string) =>
    renderCluster({ state: running.state(), phases: running.phases(), reports: running.reports(), ports, statusUrl });
  const status = await serveStatus(ports.status, cluster);
  undo.push(() => status.close());

  signal?.throwIfAborted();
  signal?.addEventListener('abort', () => void running.stop(), { once: true });
  await running.writable(SETTLED_MS);
  await running.settled(SETTLED_MS).catch((error: Error) => {
    signal?.throwIfAborted();
    log(`${error.message}; continuing with the primary only`);
  });
  return present({ running, servers, forwarders, status, guard, logins, cluster, undo });
}

interface Started {
  running: Supervisor;
  servers: Record<MemberName, Server>;
  forwarders: { primary: Forwarder; replica: Forwarder };
  status: StatusServer;
  guard: Guard;
  logins: Logins;
  cluster(statusUrl: string): { members: Member[] };
  undo: (() => unknown)[];
}

function present({ running, servers, forwarders, status, guard, logins, cluster, undo }: Started): Pair {
  const primary = () => running.state().primary;
  const kill = (name: MemberName) => {
    running.hold(name);
    servers[name].kill();
  };
  const stop = async () => {
    await running.stop();
    await servers[otherMember(primary())].stop('fast');
    await servers[primary()].stop('fast');
    for (const step of undo.reverse()) await step();
  };
  let stopped: Promise<void> | null = null;
  return {
    host: '127.0.0.1',
    primaryPort: forwarders.primary.port,
    replicaPort: forwarders.replica.port,
    statusUrl: status.url,
    database: DATABASE,
    logins: { owner: logins.owner, app: logins.app, readonly: logins.readonly, superuser: logins.superuser },
    primary,
    members: () => cluster(status.url).members,
    settled: () => running.settled(SETTLED_MS),
    async stopPrimary(mode) {
      const name = primary();
      running.hold(name);
      await servers[name].stop(mode);
    },
    killPrimary: () => kill(primary()),
    killReplica: () => kill(otherMember(primary())),
    resetConnections: (port) => forwarders[port].reset(),
    muteConnections: (port) => forwarders[port].mute(),
    promoteAfter: (ms) => running.promoteAfter(ms),
    async startStopped() {
      running.release();
      await running.settled(SETTLED_MS);
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
    guardProcess: (pid) => guard.watch(pid),
  };
}
