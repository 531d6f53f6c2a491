import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import type { Cluster, ClusterInput } from '@pgha/infra/cluster';
import { RefusedError } from '../exit-codes.ts';
import { findControlGroups } from './control-groups.ts';
import { refuseOtherLab } from './owner.ts';
import { type Places, recordFile } from './places.ts';

/** What a running lab was made from. Nothing that `down` needs is in it. */
export interface LabRecord {
  /** What the cluster was defined from, as a person's configuration is on AWS. */
  input: ClusterInput;
  cluster: Cluster;
  /** The root file system its machines share. */
  image: string;
  startedAt: string;
  /** Whether database machines have a data volume of their own. */
  dataVolumes?: boolean;
  /** `starting` until everything was seen working: an `up` that was interrupted stays there. */
  phase: 'starting' | 'up';
}

/** The lab that is there, or null. */
export async function readRecord(places: Places): Promise<LabRecord | null> {
  const text = await readFile(recordFile(places), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  return text === null ? null : (JSON.parse(text) as LabRecord);
}

/**
 * The lab that is there.
 *
 * @throws RefusedError when there is none, and while the machines that run are those of another folder's lab.
 */
export async function requireRecord(places: Places): Promise<LabRecord> {
  const record = await readRecord(places);
  if (record === null) throw new RefusedError('no lab is running on this computer. Start one with: pgha lab up');
  await refuseOtherLab(places, await findControlGroups());
  return record;
}

export async function writeRecord(places: Places, record: LabRecord): Promise<void> {
  await mkdir(places.root, { recursive: true, mode: 0o711 });
  const file = recordFile(places);
  await writeFile(`${file}.new`, `${JSON.stringify(record)}\n`);
  await rename(`${file}.new`, file);
}
