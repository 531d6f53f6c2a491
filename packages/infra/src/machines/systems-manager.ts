import type { Region } from '../cluster/index.ts';
import type { MachinePart, Site } from './machine.ts';
import { programFile } from './program.ts';

const installer = '/usr/local/lib/pgha/install-ssm-agent';

/** Where AWS keeps the agent for the machines of a region. */
export const agentUrl = (awsRegion: string): string =>
  `https://s3.${awsRegion}.amazonaws.com/amazon-ssm-${awsRegion}/latest/debian_amd64/amazon-ssm-agent.deb`;

/** Run Command and Session Manager: how operations, and people, enter a machine on AWS without a port that is open for it. */
export function systemsManager(region: Region, site: Site): MachinePart {
  if (site.kind !== 'aws') return {};
  return {
    packages: ['curl'],
    files: [programFile('install-ssm-agent.sh', installer)],
    bootSteps: [{ name: 'Systems Manager agent', script: `${installer} ${region.awsRegion}\n` }],
    units: [{ unit: 'amazon-ssm-agent.service', state: 'started' }],
  };
}

/** What the agent sends and receives through; these services know no resources (Service Authorization Reference). */
export const agentMessageActions = [
  'ec2messages:AcknowledgeMessage',
  'ec2messages:DeleteMessage',
  'ec2messages:FailMessage',
  'ec2messages:GetEndpoint',
  'ec2messages:GetMessages',
  'ec2messages:SendReply',
  'ssmmessages:CreateControlChannel',
  'ssmmessages:CreateDataChannel',
  'ssmmessages:OpenControlChannel',
  'ssmmessages:OpenDataChannel',
] as const;
