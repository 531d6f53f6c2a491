import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Cluster } from '../cluster/index.ts';
import { clusterApp } from './synthesize.ts';

const workspace = fileURLToPath(new URL('../../../../', import.meta.url));

/**
 * Writes every stack as JSON for Terraform. Needs no credentials and no network; the same configuration gives the same bytes.
 *
 *   node packages/infra/src/stacks/main.ts [--config FILE] [--out FOLDER] [--account NUMBER]
 */
const { values } = parseArgs({
  options: {
    config: { type: 'string', default: resolve(workspace, 'pgha.config.example.ts') },
    out: { type: 'string', default: resolve(workspace, 'packages/infra/cdktf.out') },
    account: { type: 'string' },
  },
});
if (values.account !== undefined && !/^\d{12}$/.test(values.account)) {
  throw new Error(`--account: "${values.account}" is not an AWS account ID (12 digits)`);
}
const config = resolve(values.config);
if (!existsSync(config))
  throw new Error(`configuration file not found: ${config}. Create it with: cp pgha.config.example.ts pgha.config.ts`);
const { default: cluster } = (await import(pathToFileURL(config).href)) as { default: Cluster };

// a stack that the configuration no longer has must not be planned; Terraform's own files beside the others stay
const out = resolve(values.out);
mkdirSync(dirname(out), { recursive: true });
const app = clusterApp({ cluster, account: values.account ?? null }, out);
for (const name of ['dr-data', 'dr', 'peering']) {
  if (cluster.dr === null) rmSync(resolve(out, 'stacks', name), { recursive: true, force: true });
}
app.synth();
