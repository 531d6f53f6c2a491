import { type Construct, DataAwsSsmParameter, TerraformVariable } from './terraform.ts';

/** Debian publishes its newest image of a release here, in every region (Debian cloud team, "AWS marketplace and SSM"). */
const debianParameter = '/aws/service/debian/release/13/latest/amd64';

/**
 * A Terraform expression for the image of new machines: Debian's newest, unless the variable `machine_image` names another,
 * for example one that was tried before.
 */
export function debianImage(scope: Construct): string {
  const variable = new TerraformVariable(scope, 'machine_image', {
    type: 'string',
    default: '',
    description: 'AMI of Debian 13 for new instances; empty: the newest.',
  });
  const parameter = new DataAwsSsmParameter(scope, 'debian', { name: debianParameter });
  // not asked for when an image is named
  parameter.addOverride('count', `\${${variable.fqn} == "" ? 1 : 0}`);
  return `\${coalesce(${variable.fqn}, one(${parameter.fqn}[*].insecure_value))}`;
}
