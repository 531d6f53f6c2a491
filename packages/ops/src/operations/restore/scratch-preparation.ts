import { membersOf, peerOf, type Region } from '@pgha/infra/cluster';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { findActing } from './acting.ts';
import { chooseBeside } from './beside.ts';
import { findScratches, planScratch, scratchName } from './scratch.ts';
import { findSource } from './source.ts';

/** What the operator said. */
interface ScratchRequest {
  moment: Date;
  repository: number | null;
  /** The machine it shall be on. */
  on: string | null;
}

/** A restore into a scratch server that can begin. */
interface ScratchPreparation {
  region: Region;
  /** Of the server. */
  name: string;
  steps: readonly Step[];
}

/**
 * Chooses backup and machine. The same request again means the server that is there already.
 *
 * @throws RefusedError when the moment cannot be restored, or no machine has room for it.
 */
export async function prepareScratch(
  installation: Installation,
  { moment, repository, on }: ScratchRequest,
): Promise<ScratchPreparation> {
  const { cluster, signal } = installation;
  const acting = await findActing(installation);
  const { region } = acting.view;
  const { source } = await findSource(cluster, region, acting.reader, moment, repository);
  const name = scratchName(source);
  const peer = peerOf(cluster, region);
  const nodes = [region, ...(peer === null ? [] : [peer])].flatMap(membersOf);
  const there = (await findScratches(installation)).find((each) => each.name === name);
  const node = nodes.find((each) => each.name === there?.machine);
  const beside =
    node === undefined
      ? await chooseBeside(installation, acting.view, nodes, source.sizeBytes, on)
      : installation.host(node);
  return { region, name, steps: planScratch({ cluster, primary: acting.leader, beside, source, signal }) };
}
