import { type Cluster, type Region, regionsOf } from '../../cluster/index.ts';

/** A statement of an IAM policy. */
export interface Statement {
  Sid: string;
  Effect: 'Allow' | 'Deny';
  Action: string | readonly string[];
  Resource: string | readonly string[];
  Condition?: Conditions;
}

type Conditions = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/** A managed policy of IAM. */
export interface Policy {
  name: string;
  /** What it is for, in a sentence. */
  purpose: string;
  document: { Version: '2012-10-17'; Statement: readonly Statement[] };
}

export const allow = (
  Sid: string,
  Action: Statement['Action'],
  Resource: Statement['Resource'],
  Condition?: Conditions,
): Statement => ({ Sid, Effect: 'Allow', Action, Resource, ...(Condition === undefined ? {} : { Condition }) });

/** In the regions of the cluster. */
export const inRegions = (cluster: Cluster) => ({
  StringEquals: { 'aws:RequestedRegion': regionsOf(cluster).map(({ awsRegion }) => awsRegion) },
});

/** The tags that say whose a resource is: of this project and of this environment, so that staging does not reach production. */
export const tagsOf = (cluster: Cluster, key: 'RequestTag' | 'ResourceTag') => ({
  [`aws:${key}/project`]: cluster.project,
  [`aws:${key}/environment`]: cluster.environment,
});

/** What carries the cluster's tags. */
export const ofCluster = (cluster: Cluster) => ({ StringEquals: tagsOf(cluster, 'ResourceTag') });

/** What AWS made and nobody has tagged yet. */
export const ofNobody = (cluster: Cluster) => ({ ...inRegions(cluster), Null: { 'aws:ResourceTag/project': 'true' } });

export const inEach = (cluster: Cluster, arn: (region: Region) => string | readonly string[]) =>
  regionsOf(cluster).flatMap(arn);

/** `kms:ViaService` of these services in every region of the cluster. */
export const throughServices = (cluster: Cluster, services: readonly string[]) =>
  inEach(cluster, ({ awsRegion }) => services.map((service) => `${service}.${awsRegion}.amazonaws.com`));
