import type { Terraform } from '../../hosts/terraform.ts';
import type { AwsLogin, Identity } from './aws-access.ts';
import type { deploymentFolders, Scope } from './target.ts';

/** A deployment whose prerequisites were seen to hold: what its steps work with. */
export interface Session {
  scope: Scope;
  login: AwsLogin;
  identity: Identity;
  workspace: string;
  folders: ReturnType<typeof deploymentFolders>;
  /** The Terraform of a stack, rendered already. */
  terraform(stack: string): Terraform;
  /** The Node binary that this command runs on. */
  node: string;
  signal: AbortSignal;
}
