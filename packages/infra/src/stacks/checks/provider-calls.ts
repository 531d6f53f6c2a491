/** The calls that the provider makes for a resource, by what it does with it. */
interface Calls {
  create: readonly string[];
  read: readonly string[];
  update: readonly string[];
  /** Empty where a deploy never deletes it: it outlives mistakes. */
  delete: readonly string[];
}

const tagging = ['ec2:CreateTags', 'ec2:DeleteTags'];
const balancerTags = ['elasticloadbalancing:AddTags', 'elasticloadbalancing:RemoveTags'];
const readTags = 'elasticloadbalancing:DescribeTags';
const bucketReads = ['s3:ListBucket'];

/** Every resource of every stack (from the provider's source, by IAM's names of the calls). */
export const providerCalls: Readonly<Record<string, Calls>> = {
  aws_cloudwatch_log_group: {
    create: ['logs:CreateLogGroup', 'logs:PutRetentionPolicy', 'logs:AssociateKmsKey', 'logs:TagResource'],
    read: ['logs:DescribeLogGroups', 'logs:ListTagsForResource'],
    update: ['logs:PutRetentionPolicy', 'logs:AssociateKmsKey', 'logs:TagResource'],
    delete: [],
  },
  aws_cloudwatch_metric_alarm: {
    create: ['cloudwatch:PutMetricAlarm', 'cloudwatch:TagResource'],
    read: ['cloudwatch:DescribeAlarms', 'cloudwatch:ListTagsForResource'],
    update: ['cloudwatch:PutMetricAlarm', 'cloudwatch:TagResource'],
    delete: ['cloudwatch:DeleteAlarms'],
  },
  aws_default_security_group: {
    create: ['ec2:RevokeSecurityGroupIngress', 'ec2:RevokeSecurityGroupEgress', 'ec2:CreateTags'],
    read: ['ec2:DescribeSecurityGroups'],
    update: tagging,
    delete: [],
  },
  aws_ebs_volume: {
    create: ['ec2:CreateVolume', 'ec2:CreateTags'],
    read: ['ec2:DescribeVolumes'],
    update: ['ec2:ModifyVolume', ...tagging],
    delete: [],
  },
  aws_eip: {
    create: ['ec2:AllocateAddress', 'ec2:CreateTags', 'ec2:AssociateAddress'],
    read: ['ec2:DescribeAddresses', 'ec2:DescribeAddressesAttribute'],
    update: ['ec2:AssociateAddress', 'ec2:DisassociateAddress', ...tagging],
    delete: ['ec2:DisassociateAddress', 'ec2:ReleaseAddress'],
  },
  aws_flow_log: {
    create: ['ec2:CreateFlowLogs', 'ec2:CreateTags', 'iam:PassRole'],
    read: ['ec2:DescribeFlowLogs'],
    update: tagging,
    delete: ['ec2:DeleteFlowLogs'],
  },
  aws_iam_instance_profile: {
    create: ['iam:CreateInstanceProfile', 'iam:TagInstanceProfile', 'iam:AddRoleToInstanceProfile', 'iam:PassRole'],
    read: ['iam:GetInstanceProfile'],
    update: ['iam:TagInstanceProfile', 'iam:UntagInstanceProfile', 'iam:RemoveRoleFromInstanceProfile'],
    delete: ['iam:RemoveRoleFromInstanceProfile', 'iam:DeleteInstanceProfile'],
  },
  aws_iam_role: {
    create: ['iam:CreateRole', 'iam:TagRole'],
    read: ['iam:GetRole', 'iam:ListRolePolicies', 'iam:ListAttachedRolePolicies', 'iam:GetRolePolicy'],
    update: ['iam:UpdateAssumeRolePolicy', 'iam:PutRolePermissionsBoundary', 'iam:TagRole', 'iam:UntagRole'],
    delete: ['iam:ListInstanceProfilesForRole', 'iam:DeleteRole'],
  },
  aws_iam_role_policy: {
    create: ['iam:PutRolePolicy'],
    read: ['iam:GetRolePolicy'],
    update: ['iam:PutRolePolicy'],
    delete: ['iam:DeleteRolePolicy'],
  },
  aws_instance: {
    create: ['ec2:RunInstances', 'ec2:CreateTags', 'iam:PassRole'],
    read: [
      'ec2:DescribeInstances',
      'ec2:DescribeInstanceAttribute',
      'ec2:DescribeInstanceCreditSpecifications',
      'ec2:DescribeInstanceTypes',
      'ec2:DescribeVolumes',
      'ec2:DescribeTags',
    ],
    update: [
      'ec2:ModifyInstanceAttribute',
      'ec2:ModifyInstanceCreditSpecification',
      'ec2:ModifyInstanceMetadataOptions',
      'ec2:AssociateIamInstanceProfile',
      'ec2:DisassociateIamInstanceProfile',
      'ec2:ReplaceIamInstanceProfileAssociation',
      'ec2:DescribeIamInstanceProfileAssociations',
      'ec2:StartInstances',
      'ec2:StopInstances',
      ...tagging,
    ],
    delete: ['ec2:TerminateInstances'],
  },
  aws_internet_gateway: {
    create: ['ec2:CreateInternetGateway', 'ec2:CreateTags', 'ec2:AttachInternetGateway'],
    read: ['ec2:DescribeInternetGateways'],
    update: tagging,
    delete: ['ec2:DetachInternetGateway', 'ec2:DeleteInternetGateway'],
  },
  aws_kms_alias: { create: ['kms:CreateAlias'], read: ['kms:ListAliases'], update: ['kms:UpdateAlias'], delete: [] },
  aws_kms_key: {
    create: ['kms:CreateKey', 'kms:TagResource', 'kms:EnableKeyRotation'],
    read: ['kms:DescribeKey', 'kms:GetKeyPolicy', 'kms:GetKeyRotationStatus', 'kms:ListResourceTags'],
    update: ['kms:PutKeyPolicy', 'kms:TagResource', 'kms:UntagResource', 'kms:EnableKeyRotation'],
    delete: [],
  },
  aws_lb: {
    create: [
      'elasticloadbalancing:CreateLoadBalancer',
      'elasticloadbalancing:AddTags',
      'elasticloadbalancing:ModifyLoadBalancerAttributes',
    ],
    read: [
      'elasticloadbalancing:DescribeLoadBalancers',
      'elasticloadbalancing:DescribeLoadBalancerAttributes',
      'ec2:DescribeNetworkInterfaces',
      readTags,
    ],
    update: [
      'elasticloadbalancing:ModifyLoadBalancerAttributes',
      'elasticloadbalancing:SetSecurityGroups',
      ...balancerTags,
    ],
    delete: ['elasticloadbalancing:DeleteLoadBalancer'],
  },
  aws_lb_listener: {
    create: [
      'elasticloadbalancing:CreateListener',
      'elasticloadbalancing:AddTags',
      'elasticloadbalancing:ModifyListenerAttributes',
    ],
    read: ['elasticloadbalancing:DescribeListeners', 'elasticloadbalancing:DescribeListenerAttributes', readTags],
    update: ['elasticloadbalancing:ModifyListener', 'elasticloadbalancing:ModifyListenerAttributes', ...balancerTags],
    delete: ['elasticloadbalancing:DeleteListener'],
  },
  aws_lb_target_group: {
    create: [
      'elasticloadbalancing:CreateTargetGroup',
      'elasticloadbalancing:AddTags',
      'elasticloadbalancing:ModifyTargetGroupAttributes',
    ],
    read: ['elasticloadbalancing:DescribeTargetGroups', 'elasticloadbalancing:DescribeTargetGroupAttributes', readTags],
    update: [
      'elasticloadbalancing:ModifyTargetGroup',
      'elasticloadbalancing:ModifyTargetGroupAttributes',
      ...balancerTags,
    ],
    delete: ['elasticloadbalancing:DeleteTargetGroup'],
  },
  aws_lb_target_group_attachment: {
    create: ['elasticloadbalancing:RegisterTargets'],
    read: ['elasticloadbalancing:DescribeTargetHealth'],
    update: [],
    delete: ['elasticloadbalancing:DeregisterTargets'],
  },
  aws_nat_gateway: {
    create: ['ec2:CreateNatGateway', 'ec2:CreateTags'],
    read: ['ec2:DescribeNatGateways'],
    update: tagging,
    delete: ['ec2:DeleteNatGateway'],
  },
  aws_route: {
    create: ['ec2:CreateRoute'],
    read: ['ec2:DescribeRouteTables'],
    update: ['ec2:ReplaceRoute'],
    delete: ['ec2:DeleteRoute'],
  },
  aws_route53_record: {
    create: ['route53:ChangeResourceRecordSets', 'route53:GetChange'],
    read: ['route53:GetHostedZone', 'route53:ListResourceRecordSets'],
    update: ['route53:ChangeResourceRecordSets'],
    delete: ['route53:ChangeResourceRecordSets'],
  },
  aws_route53_zone: {
    create: [
      'route53:CreateHostedZone',
      'route53:AssociateVPCWithHostedZone',
      'route53:GetChange',
      'route53:ChangeTagsForResource',
    ],
    read: ['route53:GetHostedZone', 'route53:ListHostedZones', 'route53:ListTagsForResource', 'ec2:DescribeVpcs'],
    update: ['route53:UpdateHostedZoneComment', 'route53:ChangeTagsForResource'],
    delete: ['route53:DeleteHostedZone'],
  },
  aws_route_table: {
    create: ['ec2:CreateRouteTable', 'ec2:CreateTags'],
    read: ['ec2:DescribeRouteTables'],
    update: tagging,
    delete: ['ec2:DisassociateRouteTable', 'ec2:DeleteRouteTable'],
  },
  aws_route_table_association: {
    create: ['ec2:AssociateRouteTable'],
    read: ['ec2:DescribeRouteTables'],
    update: ['ec2:ReplaceRouteTableAssociation'],
    delete: ['ec2:DisassociateRouteTable'],
  },
  aws_s3_bucket: {
    create: ['s3:CreateBucket', 's3:PutBucketTagging'],
    read: [
      ...bucketReads,
      's3:GetAccelerateConfiguration',
      's3:GetBucketAcl',
      's3:GetBucketCORS',
      's3:GetBucketLocation',
      's3:GetBucketLogging',
      's3:GetBucketObjectLockConfiguration',
      's3:GetBucketPolicy',
      's3:GetBucketRequestPayment',
      's3:GetBucketTagging',
      's3:GetBucketVersioning',
      's3:GetBucketWebsite',
      's3:GetEncryptionConfiguration',
      's3:GetLifecycleConfiguration',
      's3:GetReplicationConfiguration',
      's3:ListTagsForResource',
    ],
    update: ['s3:PutBucketTagging', 's3:TagResource'],
    delete: [],
  },
  aws_s3_bucket_lifecycle_configuration: {
    create: ['s3:PutLifecycleConfiguration'],
    read: ['s3:GetLifecycleConfiguration'],
    update: ['s3:PutLifecycleConfiguration'],
    delete: [],
  },
  aws_s3_bucket_object_lock_configuration: {
    create: ['s3:PutBucketObjectLockConfiguration'],
    read: ['s3:GetBucketObjectLockConfiguration'],
    update: ['s3:PutBucketObjectLockConfiguration'],
    delete: [],
  },
  aws_s3_bucket_ownership_controls: {
    create: ['s3:PutBucketOwnershipControls'],
    read: ['s3:GetBucketOwnershipControls'],
    update: ['s3:PutBucketOwnershipControls'],
    delete: [],
  },
  aws_s3_bucket_policy: {
    create: ['s3:PutBucketPolicy'],
    read: ['s3:GetBucketPolicy'],
    update: ['s3:PutBucketPolicy'],
    delete: [],
  },
  aws_s3_bucket_public_access_block: {
    create: ['s3:PutBucketPublicAccessBlock'],
    read: ['s3:GetBucketPublicAccessBlock'],
    update: ['s3:PutBucketPublicAccessBlock'],
    delete: [],
  },
  aws_s3_bucket_server_side_encryption_configuration: {
    create: ['s3:PutEncryptionConfiguration'],
    read: ['s3:GetEncryptionConfiguration'],
    update: ['s3:PutEncryptionConfiguration'],
    delete: [],
  },
  aws_s3_bucket_versioning: {
    create: ['s3:PutBucketVersioning'],
    read: ['s3:GetBucketVersioning'],
    update: ['s3:PutBucketVersioning'],
    delete: [],
  },
  aws_security_group: {
    create: ['ec2:CreateSecurityGroup', 'ec2:CreateTags', 'ec2:RevokeSecurityGroupEgress'],
    read: ['ec2:DescribeSecurityGroups'],
    update: tagging,
    delete: ['ec2:DescribeNetworkInterfaces', 'ec2:DeleteSecurityGroup'],
  },
  aws_sns_topic: {
    create: ['sns:CreateTopic', 'sns:TagResource', 'sns:SetTopicAttributes'],
    read: ['sns:GetTopicAttributes', 'sns:ListTagsForResource'],
    update: ['sns:SetTopicAttributes'],
    delete: ['sns:DeleteTopic'],
  },
  aws_sns_topic_policy: {
    create: ['sns:SetTopicAttributes'],
    read: ['sns:GetTopicAttributes'],
    update: ['sns:SetTopicAttributes'],
    delete: ['sns:SetTopicAttributes'],
  },
  aws_sns_topic_subscription: {
    create: ['sns:Subscribe'],
    read: ['sns:GetSubscriptionAttributes', 'sns:ListSubscriptionsByTopic'],
    update: [],
    delete: ['sns:Unsubscribe'],
  },
  aws_subnet: {
    create: ['ec2:CreateSubnet', 'ec2:CreateTags', 'ec2:ModifySubnetAttribute'],
    read: ['ec2:DescribeSubnets'],
    update: ['ec2:ModifySubnetAttribute', ...tagging],
    delete: ['ec2:DescribeNetworkInterfaces', 'ec2:DeleteSubnet'],
  },
  aws_volume_attachment: {
    create: ['ec2:AttachVolume'],
    read: ['ec2:DescribeVolumes', 'ec2:DescribeInstances'],
    update: [],
    delete: ['ec2:StopInstances', 'ec2:DetachVolume'],
  },
  aws_vpc: {
    create: ['ec2:CreateVpc', 'ec2:CreateTags', 'ec2:ModifyVpcAttribute'],
    read: [
      'ec2:DescribeVpcs',
      'ec2:DescribeVpcAttribute',
      'ec2:DescribeNetworkAcls',
      'ec2:DescribeRouteTables',
      'ec2:DescribeSecurityGroups',
    ],
    update: ['ec2:ModifyVpcAttribute', ...tagging],
    delete: ['ec2:DeleteVpc'],
  },
  aws_vpc_endpoint: {
    create: ['ec2:CreateVpcEndpoint', 'ec2:CreateTags'],
    read: ['ec2:DescribeVpcEndpoints', 'ec2:DescribePrefixLists'],
    update: ['ec2:ModifyVpcEndpoint', ...tagging],
    delete: ['ec2:DeleteVpcEndpoints'],
  },
  aws_vpc_peering_connection: {
    create: ['ec2:CreateVpcPeeringConnection', 'ec2:CreateTags'],
    read: ['ec2:DescribeVpcPeeringConnections'],
    update: tagging,
    delete: ['ec2:DeleteVpcPeeringConnection'],
  },
  aws_vpc_peering_connection_accepter: {
    create: ['ec2:AcceptVpcPeeringConnection', 'ec2:CreateTags'],
    read: ['ec2:DescribeVpcPeeringConnections'],
    update: tagging,
    delete: [],
  },
  aws_vpc_peering_connection_options: {
    create: ['ec2:ModifyVpcPeeringConnectionOptions'],
    read: ['ec2:DescribeVpcPeeringConnections'],
    update: ['ec2:ModifyVpcPeeringConnectionOptions'],
    delete: [],
  },
  aws_vpc_security_group_egress_rule: {
    create: ['ec2:AuthorizeSecurityGroupEgress', 'ec2:CreateTags'],
    read: ['ec2:DescribeSecurityGroupRules'],
    update: ['ec2:ModifySecurityGroupRules', ...tagging],
    delete: ['ec2:RevokeSecurityGroupEgress'],
  },
  aws_vpc_security_group_ingress_rule: {
    create: ['ec2:AuthorizeSecurityGroupIngress', 'ec2:CreateTags'],
    read: ['ec2:DescribeSecurityGroupRules'],
    update: ['ec2:ModifySecurityGroupRules', ...tagging],
    delete: ['ec2:RevokeSecurityGroupIngress'],
  },
};
