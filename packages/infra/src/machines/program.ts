import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Cluster } from '../cluster/index.ts';
import { renderRules } from '../observability/index.ts';
import { bundledUnits } from './config/bundled-units.ts';
import { type MachineFile, machineFile } from './machine.ts';

const folder = new URL('./programs/', import.meta.url);

/** The rules of the alerts, in the bundle. */
export const bundledRules = 'alert-rules.yml';

/**
 * A program of this repository as a file of a machine, or a unit that is the same everywhere. It is kept as a file of its own
 * language, so that its linter and a reader see what the machine runs; it takes what differs between machines from a configuration
 * file beside it.
 *
 * @param source its name in `programs/`.
 * @param path where the machine has it.
 */
export function programFile(source: string, path: string, options: Partial<MachineFile> = {}): MachineFile {
  return { ...machineFile(path, readProgram(source), { mode: '0755', ...options }), program: source };
}

/** Every program of every machine, and texts that are too large for user-data, as one object of the artifact bucket. */
export interface ProgramBundle {
  /** The object's key; it contains the checksum, so that a bundle never changes and old machines keep finding theirs. */
  key: string;
  sha256: string;
  /** gzip of a JSON object: name -> text. */
  bytes: Buffer;
}

/**
 * The programs are the same on every machine and too large, together, for the 16 KiB of user-data, and so are the rules of the
 * alerts: a machine takes them from the artifact bucket at its first boot and checks them against the checksum that its user-data
 * carries.
 *
 * A deploy uploads it before it starts machines.
 */
export function programBundle(cluster: Cluster): ProgramBundle {
  const sources = readdirSync(folder)
    .filter((name) => /\.(py|sh|sql|service|timer)$/.test(name))
    .sort();
  const texts = {
    ...Object.fromEntries(sources.map((source) => [source, readProgram(source)])),
    ...bundledUnits,
    [bundledRules]: renderRules(cluster),
  };
  const bytes = gzipSync(JSON.stringify(texts));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { key: `machines/programs-${sha256}.json.gz`, sha256, bytes };
}

function readProgram(source: string): string {
  return readFileSync(new URL(source, folder), 'utf8');
}
