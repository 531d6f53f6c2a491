import { access } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { type Cluster, InvalidClusterError } from '@pgha/infra/cluster';
import { RefusedError } from './exit-codes.ts';

/**
 * The cluster that a configuration file defines.
 *
 * @throws RefusedError when there is no such file, or its configuration is invalid.
 */
export async function readClusterFile(path: string): Promise<Cluster> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (!exists) {
    throw new RefusedError(
      `configuration file not found: ${path}. Create it with: cp pgha.config.example.ts pgha.config.ts`,
    );
  }
  try {
    const { default: cluster } = (await import(pathToFileURL(path).href)) as { default?: Cluster };
    if (cluster?.primary === undefined) {
      throw new RefusedError(
        `${path} does not export a cluster. It must end with "export default defineCluster({ … })"`,
      );
    }
    return cluster;
  } catch (error) {
    if (error instanceof InvalidClusterError) throw new RefusedError(`${path}: ${error.message}`, { cause: error });
    if (error instanceof SyntaxError) {
      throw new RefusedError(`${path} has a syntax error: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
