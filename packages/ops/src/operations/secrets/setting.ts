import type { Cluster, Node, Region } from '@pgha/infra/cluster';
import { renderMachine, type Site } from '@pgha/infra/machines';
import type { Host } from '../../hosts/host.ts';
import { bothRegions, type Installation, type Power } from '../../installation/installation.ts';
import type { SecretStore } from '../../secrets/index.ts';
import type { Step } from '../../step.ts';

/** What every change of a secret works with. */
export interface SecretsSetting {
  cluster: Cluster;
  regions: readonly [Region, ...Region[]];
  /** The Parameter Stores of these regions as one. */
  store: SecretStore;
  host(node: Node): Host;
  site(region: Region): Site;
  power: Power;
  /** The machines that fetch any of these parameters. */
  readersOf(names: readonly string[]): readonly Node[];
  signal: AbortSignal;
  /** How long sessions of a login that is given up may take to end, in milliseconds. */
  patienceMs: number;
  /** Something that a person has to know, or to do, once all is done. */
  note(line: string): void;
}

/** Clients that reconnect do so within a minute; longer ones are named to the operator. */
const defaultPatienceMs = 60_000;

/** @param notes gets what has to be said at the end. */
export function secretsSetting(
  installation: Installation,
  notes: string[],
  signal: AbortSignal = installation.signal,
): SecretsSetting {
  const regions = bothRegions(installation.cluster);
  // rendering every machine is only worth it for a change
  let readers: ReadonlyMap<string, readonly Node[]> | null = null;
  return {
    cluster: installation.cluster,
    regions,
    store: installation.secrets(regions),
    host: (node) => installation.host(node),
    site: (region) => installation.site(region),
    power: installation.power,
    readersOf: (names) => {
      readers ??= machinesByParameter(installation, regions);
      const known = readers;
      const reading = new Set(names.flatMap((name) => known.get(name) ?? []));
      return regions.flatMap(({ nodes }) => nodes).filter((node) => reading.has(node));
    },
    signal,
    patienceMs: defaultPatienceMs,
    note: (line) => void notes.push(line),
  };
}

function machinesByParameter({ cluster, site }: Pick<Installation, 'cluster' | 'site'>, regions: readonly Region[]) {
  const readers = new Map<string, Node[]>();
  for (const region of regions) {
    for (const node of region.nodes) {
      const { secrets } = renderMachine(cluster, node, site(region));
      for (const name of new Set(secrets.map(({ parameter }) => parameter))) {
        readers.set(name, [...(readers.get(name) ?? []), node]);
      }
    }
  }
  return readers;
}

/** One secret's change: it looks, and plans from what it saw alone. */
export interface SecretChange {
  /**
   * What was there before the first step, so that a command that was interrupted knows afterwards what is new: versions, fingerprints
   * and names of logins, never a value.
   */
  observe(setting: SecretsSetting): Promise<Readonly<Record<string, string>>>;
  plan(setting: SecretsSetting, before: Readonly<Record<string, string>>): readonly Step[];
}
