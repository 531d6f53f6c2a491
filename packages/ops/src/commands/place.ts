import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { withAws } from '../installation/aws.ts';
import type { Installation } from '../installation/installation.ts';
import { withLab } from '../installation/lab.ts';
import { loginOf } from '../operations/deploy/aws-access.ts';
import { requireIdentity } from '../operations/deploy/prerequisites.ts';
import { withConfig } from './aws.ts';
import type { CommandContext } from './command.ts';

/** The options of every command that works on a running cluster. */
export interface PlaceOptions {
  config: string;
  lab?: boolean;
}

/** `--config` and `--lab`, on any command that works on a running cluster. */
export function withPlace(command: Command, context: CommandContext): Command {
  return withConfig(command, context).option('--lab', 'use the local lab instead of AWS');
}

/**
 * The running cluster that a command is about, for as long as the work takes.
 *
 * @throws RefusedError when there is no lab, no usable configuration, or no AWS credentials.
 */
export async function withInstallation<T>(
  { settings, signal }: CommandContext,
  options: PlaceOptions,
  work: (installation: Installation) => Promise<T>,
): Promise<T> {
  if (options.lab === true) return withLab(settings.labPlaces, signal, work, settings.labSlowness);
  const cluster = await readClusterFile(resolve(options.config));
  const login = loginOf(cluster, settings.aws.hasOwnCredentials);
  const identity = await requireIdentity(cluster, login);
  return withAws(cluster, { login, identity }, signal, work);
}
