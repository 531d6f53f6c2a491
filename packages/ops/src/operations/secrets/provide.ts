import { bothRegions, type Installation } from '../../installation/installation.ts';
import { type InitReport, parameterNames, secretsInit } from '../../secrets/index.ts';
import type { Report } from '../../step.ts';
import { runOperation } from '../operation.ts';
import { actingRegion, viewRegions } from '../regions.ts';

/** What `provideSecrets` would make; nothing is stored. */
export async function missingSecrets({
  cluster,
  secrets,
}: Pick<Installation, 'cluster' | 'secrets'>): Promise<InitReport> {
  const names = parameterNames(cluster);
  const there = await secrets(bothRegions(cluster)).read(names);
  return { created: names.filter((name) => !there.has(name)), kept: names.filter((name) => there.has(name)) };
}

/**
 * Makes the secrets that are not there yet: as an operation where there is a cluster to lock, and without one before its first
 * deploy. Nothing is ever replaced, so two at once do no harm then.
 *
 * @throws RefusedError while another operation is in progress, or was interrupted.
 */
export async function provideSecrets(installation: Installation, report: Report): Promise<InitReport> {
  const { cluster } = installation;
  const make = () =>
    secretsInit(cluster, installation.secrets(bothRegions(cluster)), new Date(), (name) => report(`created ${name}`));
  const views = await viewRegions(installation);
  if (views.every(({ members }) => members === null)) {
    report('no node of the cluster is responding: running without the operation lock and without an audit log entry');
    return make();
  }
  const { region } = actingRegion(cluster, views);
  return runOperation(installation, region, 'secrets init', make);
}
