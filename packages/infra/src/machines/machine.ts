import type { Node, Role } from '../cluster/cluster.ts';

/** What changes when a file changes; `pgha apply` does it once a unit, restarts after reloads are dropped. */
export interface UnitAction {
  unit: string;
  action: 'reload' | 'restart';
}

/** A file of a machine. It never holds a secret's value: user-data is readable to anyone who may describe instances. */
export interface MachineFile {
  path: string;
  content: string;
  /** Octal, `'0644'`. */
  mode: string;
  owner: string;
  group: string;
  onChange: readonly UnitAction[];
  /** The content is this program of the repository; user-data carries its name alone. */
  program?: string;
  /** The content is in the bundle under this name, because user-data has no room for it. */
  bundledAs?: string;
}

/** A secret the machine fetches with its own role: the SSM parameter's name, and where its value is put. */
export interface SecretFile {
  parameter: string;
  path: string;
  mode: string;
  owner: string;
  group: string;
  onChange: readonly UnitAction[];
}

/** A shell script (`/bin/sh -eu`) that may run again at any time, waits for conditions and logs to the journal. */
export interface BootStep {
  name: string;
  script: string;
}

/** The wanted state of a systemd unit once the boot steps are done. `masked` and `stopped` units do not start at boot. */
export interface UnitState {
  unit: string;
  state: 'started' | 'enabled' | 'stopped' | 'masked';
}

export type Source = 'clients' | 'load-balancer' | Role | 'admin' | 'region' | 'peer-region';

/** A port the machine answers on from outside itself, and who may dial it. */
export interface Listener {
  port: number;
  purpose: string;
  from: readonly Source[];
  /** How it shows this machine's certificate, where it does: at once, or once PostgreSQL's protocol has asked for it. */
  speaks?: 'tls' | 'postgres';
  /** It asks for a certificate of the cluster, and reads the CA only when it starts or is reloaded. */
  asksClients?: true;
}

/**
 * A machine, whole. Applied by `pgha-machine` on the machine itself, in this order: packages, files, secrets, boot steps,
 * units; at first boot by cloud-init, later by `pgha apply`.
 */
export interface Machine {
  node: Node;
  packages: readonly string[];
  files: readonly MachineFile[];
  secrets: readonly SecretFile[];
  units: readonly UnitState[];
  bootSteps: readonly BootStep[];
  listens: readonly Listener[];
}

/** A concern's share of a machine: the operating system, the pooler, the router … */
export type MachinePart = Partial<Omit<Machine, 'node'>>;

/** Where the machines stand: the only thing that differs between EC2 and the lab. */
export interface Site {
  kind: 'aws' | 'lab';
  /** null: AWS's own. */
  ssmEndpoint: string | null;
  s3Endpoint: string | null;
  /** PEM of a CA to trust for those endpoints besides the system's; null on AWS. */
  extraCa: string | null;
  /** hostname -> address for /etc/hosts; empty on AWS, where the private zone answers. */
  hosts: Readonly<Record<string, string>>;
  /** The image has every package already: none is installed at boot. */
  packagesPreinstalled: boolean;
  watchdog: 'softdog' | 'none';
  /** The block device of the data volume; null: a plain directory. */
  dataDevice: string | null;
  artifactBucket: string;
  backupBuckets: { primary: string; dr: string | null };
}

/** A file with the usual owner and mode, unless told otherwise. */
export function machineFile(
  path: string,
  content: string,
  options: Partial<Omit<MachineFile, 'path' | 'content'>> = {},
): MachineFile {
  return { path, content, mode: '0644', owner: 'root', group: 'root', onChange: [], ...options };
}

/**
 * Joins the parts into one machine; the order of files, steps and units is the order of the parts.
 *
 * @throws when two parts claim the same file, or want different states of one unit.
 */
export function assembleMachine(node: Node, parts: readonly MachinePart[]): Machine {
  const files = parts.flatMap((part) => part.files ?? []);
  const secrets = parts.flatMap((part) => part.secrets ?? []);
  refuseTwice(
    node,
    [...files, ...secrets].map(({ path }) => path),
  );
  refuseTwice(
    node,
    parts.flatMap((part) => part.units ?? []).map(({ unit }) => unit),
  );
  return {
    node,
    packages: [...new Set(parts.flatMap((part) => part.packages ?? []))].sort(),
    files,
    secrets,
    units: parts.flatMap((part) => part.units ?? []),
    bootSteps: parts.flatMap((part) => part.bootSteps ?? []),
    listens: parts.flatMap((part) => part.listens ?? []),
  };
}

function refuseTwice(node: Node, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new Error(`${node.name}: two parts define ${twice}; keep it in one of them`);
  }
}
