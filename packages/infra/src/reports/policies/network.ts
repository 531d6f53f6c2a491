import type { Cluster } from '../../cluster/index.ts';
import { allow, inRegions, ofCluster, ofNobody, type Statement, tagsOf } from './statement.ts';

/** Calls that make something, and give it its tags in the same moment. */
const creations = [
  'AllocateAddress',
  'CreateFlowLogs',
  'CreateInternetGateway',
  'CreateNatGateway',
  'CreateRouteTable',
  'CreateSecurityGroup',
  'CreateSubnet',
  'CreateVpc',
  'CreateVpcEndpoint',
  'CreateVpcPeeringConnection',
  'RunInstances',
] as const;

/** Networks and machines. */
export function networkStatements(cluster: Cluster, account: string): readonly Statement[] {
  return [
    allow(
      'Look',
      [
        'ec2:Describe*',
        'ec2:GetConsoleOutput',
        'ec2:GetInstanceUefiData',
        'elasticloadbalancing:Describe*',
        'servicequotas:GetServiceQuota',
      ],
      '*',
      inRegions(cluster),
    ),
    allow(
      'Make',
      creations.map((action) => `ec2:${action}`),
      '*',
      inRegions(cluster),
    ),
    ...tagging(cluster, account),
    allow('ChangeAndRemove', changes, '*', ofCluster(cluster)),
    ...partsWithoutTags(cluster, account),
  ];
}

const ec2 = (account: string, type: string) => `arn:aws:ec2:*:${account}:${type}/*`;

/** A tag says whose a resource is: who could give it to what is there already could end everything. */
function tagging(cluster: Cluster, account: string): readonly Statement[] {
  return [
    allow('TagsAtCreation', 'ec2:CreateTags', '*', {
      StringEquals: { ...tagsOf(cluster, 'RequestTag'), 'ec2:CreateAction': [...creations, ...ruleCreations] },
    }),
    allow('TagsOfItsOwn', ['ec2:CreateTags', 'ec2:DeleteTags'], '*', {
      ...ofCluster(cluster),
      StringEqualsIfExists: tagsOf(cluster, 'RequestTag'),
    }),
    // the provider tags these only once they are there: a root volume, a network's default group, the far side of a peering
    allow(
      'TagsAfterCreation',
      'ec2:CreateTags',
      ['volume', 'security-group', 'vpc-peering-connection'].map((type) => ec2(account, type)),
      ofNobody(cluster),
    ),
  ];
}

const ruleCreations = ['AuthorizeSecurityGroupEgress', 'AuthorizeSecurityGroupIngress'] as const;

/** What these calls touch besides has no tags: a machine's interface, a rule that is only being made. */
function partsWithoutTags(cluster: Cluster, account: string): readonly Statement[] {
  return [
    allow(
      'Addresses',
      ['ec2:AssociateAddress', 'ec2:DisassociateAddress'],
      ['elastic-ip', 'instance'].map((type) => ec2(account, type)),
      ofCluster(cluster),
    ),
    allow(
      'AddressesOfInterfaces',
      ['ec2:AssociateAddress', 'ec2:DisassociateAddress'],
      ec2(account, 'network-interface'),
    ),
    allow(
      'Rules',
      ruleCreations.map((action) => `ec2:${action}`),
      ec2(account, 'security-group'),
      ofCluster(cluster),
    ),
    allow(
      'NewRules',
      ruleCreations.map((action) => `ec2:${action}`),
      ec2(account, 'security-group-rule'),
    ),
    allow(
      'DefaultGroup',
      ['ec2:RevokeSecurityGroupEgress', 'ec2:RevokeSecurityGroupIngress'],
      ec2(account, 'security-group'),
      ofNobody(cluster),
    ),
    allow('AcceptPeering', 'ec2:AcceptVpcPeeringConnection', ec2(account, 'vpc'), ofCluster(cluster)),
    allow('NewPeering', 'ec2:AcceptVpcPeeringConnection', ec2(account, 'vpc-peering-connection')),
  ];
}

const changes = [
  'ec2:AssociateIamInstanceProfile',
  'ec2:AssociateRouteTable',
  'ec2:AttachInternetGateway',
  'ec2:AttachVolume',
  'ec2:CreateRoute',
  'ec2:DeleteFlowLogs',
  'ec2:DeleteInternetGateway',
  'ec2:DeleteNatGateway',
  'ec2:DeleteRoute',
  'ec2:DeleteRouteTable',
  'ec2:DeleteSecurityGroup',
  'ec2:DeleteSubnet',
  'ec2:DeleteVpc',
  'ec2:DeleteVpcEndpoints',
  'ec2:DeleteVpcPeeringConnection',
  'ec2:DetachInternetGateway',
  'ec2:DetachVolume',
  'ec2:DisassociateIamInstanceProfile',
  'ec2:DisassociateRouteTable',
  'ec2:ModifyInstanceAttribute',
  'ec2:ModifyInstanceCreditSpecification',
  'ec2:ModifyInstanceMetadataOptions',
  'ec2:ModifySecurityGroupRules',
  'ec2:ModifySubnetAttribute',
  'ec2:ModifyVpcAttribute',
  'ec2:ModifyVpcEndpoint',
  'ec2:ModifyVpcPeeringConnectionOptions',
  'ec2:ReleaseAddress',
  'ec2:ReplaceIamInstanceProfileAssociation',
  'ec2:ReplaceRoute',
  'ec2:ReplaceRouteTableAssociation',
  'ec2:RevokeSecurityGroupEgress',
  'ec2:RevokeSecurityGroupIngress',
  'ec2:StartInstances',
  'ec2:StopInstances',
  'ec2:TerminateInstances',
  'ec2:UpdateSecurityGroupRuleDescriptionsEgress',
  'ec2:UpdateSecurityGroupRuleDescriptionsIngress',
] as const;
