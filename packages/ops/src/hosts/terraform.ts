import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** What Terraform's own files and processes need to know. */
export interface TerraformSettings {
  /** `stacks/<name>` below it are the configurations. */
  folder: string;
  /** Added to the environment; credentials are Terraform's own business. */
  environment: Readonly<Record<string, string>>;
  /** Where the state of a stack is kept on this computer; null: where its configuration says. */
  statePath: ((stack: string) => string) | null;
  /** The hashes that the provider must have; where the file is missing, Terraform trusts the registry. */
  lockFile: string;
  signal: AbortSignal;
}

interface PlanOptions {
  variables?: Readonly<Record<string, string>>;
  destroy?: boolean;
  /** Addresses that are replaced whatever the configuration says. */
  replace?: readonly string[];
  /** Only these addresses and what they need. */
  targets?: readonly string[];
}

/** One stack's Terraform. Plans are kept in its folder until they are applied. */
export interface Terraform {
  init(): Promise<void>;
  /** @returns what `terraform show -json` says of the plan. */
  plan(options?: PlanOptions): Promise<unknown>;
  /** Applies the last plan, and nothing else. */
  apply(report: (line: string) => void): Promise<void>;
  /** The stack's outputs; empty before it was applied. */
  outputs(): Promise<Readonly<Record<string, unknown>>>;
}

/** Terraform failed; the message is what it said. */
class TerraformError extends Error {
  override name = 'TerraformError';
}

const planFile = 'plan.tfplan';

/** The version of the Terraform in PATH, for example `1.11.4`; null when there is none. */
export async function terraformVersion(): Promise<string | null> {
  const result = await execa('terraform', ['version', '-json'], { reject: false, timeout: 30_000 });
  if (result.failed) return null;
  return (JSON.parse(result.stdout) as { terraform_version: string }).terraform_version;
}

/** Terraform for one stack. */
export function openTerraform(stack: string, settings: TerraformSettings): Terraform {
  const { folder, environment, statePath, lockFile, signal } = settings;
  const directory = join(folder, 'stacks', stack);

  const run = async (args: readonly string[], onLine?: (line: string) => void): Promise<string> => {
    const running = execa('terraform', [`-chdir=${directory}`, ...args], {
      reject: false,
      env: { TF_IN_AUTOMATION: '1', TF_INPUT: '0', ...environment },
      // It ends in order after one interrupt and drops everything after two. A group of its own keeps the terminal's away
      // from it; ours is the one.
      detached: true,
      cancelSignal: signal,
      killSignal: 'SIGINT',
      forceKillAfterDelay: false,
    });
    if (onLine !== undefined) for await (const line of running.iterable()) onLine(line);
    const result = await running;
    signal.throwIfAborted();
    if (result.failed) {
      const said = `${result.stderr}`.trim() || `${result.stdout}`.trim().split('\n').slice(-20).join('\n');
      throw new TerraformError(
        `terraform ${args[0]} failed for stack ${stack}: ${said || `exit status ${result.exitCode}`}`,
        {
          cause: result.cause,
        },
      );
    }
    return result.stdout;
  };

  return {
    init: async () => {
      const backend: string[] = [];
      if (statePath !== null) {
        const path = statePath(stack);
        await mkdir(join(path, '..'), { recursive: true });
        backend.push(`-backend-config=path=${path}`);
      }
      const isLocked = existsSync(lockFile);
      if (isLocked) await copyFile(lockFile, join(directory, '.terraform.lock.hcl'));
      await run(['init', '-no-color', '-reconfigure', ...(isLocked ? ['-lockfile=readonly'] : []), ...backend]);
    },
    plan: async ({ variables = {}, destroy = false, replace = [], targets = [] } = {}) => {
      await run([
        'plan',
        '-no-color',
        `-out=${planFile}`,
        ...(destroy ? ['-destroy'] : []),
        ...Object.entries(variables).map(([name, value]) => `-var=${name}=${value}`),
        ...replace.map((address) => `-replace=${address}`),
        ...targets.map((address) => `-target=${address}`),
      ]);
      return JSON.parse(await run(['show', '-json', '-no-color', planFile]));
    },
    apply: async (report) => {
      await run(['apply', '-no-color', planFile], (line) => {
        if (line.trim() !== '') report(line);
      });
    },
    outputs: async () => {
      const told = JSON.parse(await run(['output', '-json', '-no-color'])) as Record<string, { value: unknown }>;
      return Object.fromEntries(Object.entries(told).map(([name, { value }]) => [name, value]));
    },
  };
}
