import { mkdir } from 'node:fs/promises';
import { openTerraform, type Terraform } from '../../hosts/terraform.ts';
import type { AwsLogin } from './aws-access.ts';
import type { deploymentFolders, Scope } from './target.ts';

/** The Terraform of each stack of a deployment, opened with the credentials and the state the configuration asks for. */
export async function stacksIn(
  scope: Scope,
  folders: ReturnType<typeof deploymentFolders>,
  login: AwsLogin,
  pluginCache: string | null,
  signal: AbortSignal,
): Promise<(stack: string) => Terraform> {
  const plugins = pluginCache ?? folders.plugins;
  await mkdir(plugins, { recursive: true });
  return (stack) =>
    openTerraform(stack, {
      folder: folders.rendered,
      environment: {
        // the provider is 700 MB: once, not once a stack
        TF_PLUGIN_CACHE_DIR: plugins,
        // without it the cache is used only by stacks that have a lock file, and freshly rendered ones have none
        TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE: 'true',
        ...(login.profile === null ? {} : { AWS_PROFILE: login.profile }),
      },
      statePath: scope.cluster.state === 'local' ? (name) => `${folders.state}/${name}.tfstate` : null,
      lockFile: folders.lockFile,
      signal,
    });
}
