import type { Deployment } from './cluster-stack.ts';
import { DataStack } from './data-stack.ts';
import { PeeringStack } from './peering-stack.ts';
import { RegionStack } from './region-stack.ts';
import { App } from './terraform.ts';

/**
 * All stacks of a cluster: each region's data, each region, and what spans both.
 *
 * @param outdir where `synth()` writes `stacks/<name>/cdk.tf.json`.
 */
export function clusterApp(deployment: Deployment, outdir: string): App {
  const { primary, dr } = deployment.cluster;
  const app = new App({ outdir, stackTraces: false });
  new DataStack(app, 'primary-data', deployment, primary);
  new RegionStack(app, 'primary', deployment, primary);
  if (dr !== null) {
    new DataStack(app, 'dr-data', deployment, dr);
    new RegionStack(app, 'dr', deployment, dr);
    new PeeringStack(app, deployment, primary, dr);
  }
  return app;
}
