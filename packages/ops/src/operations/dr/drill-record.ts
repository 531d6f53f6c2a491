import type { Etcd } from '../../clients/etcd.ts';

/** The last proof that the second region can take over. */
export interface DrillRecord {
  at: string;
  passed: boolean;
}

/** Kept in both regions' etcd: either may be lost. */
const drillKey = '/pgha/drill';

export async function readDrill(etcd: Etcd): Promise<DrillRecord | null> {
  const stored = await etcd.read(drillKey);
  return stored === null ? null : (JSON.parse(decodeURIComponent(stored.value)) as DrillRecord);
}

/** Replaces the record; of two drills at once the later writer is kept. */
export async function rememberDrill(etcd: Etcd, record: DrillRecord): Promise<void> {
  const text = encodeURIComponent(JSON.stringify(record));
  const revision = (await etcd.read(drillKey))?.revision ?? 0;
  await etcd.swap(drillKey, revision, text, null);
}
