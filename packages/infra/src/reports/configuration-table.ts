import { defineCluster, InvalidClusterError, instanceTypes } from '../cluster/index.ts';
import { type ClusterInput, type RegionInput, withDefaults } from '../cluster/input.ts';
import type { Section, Settings, SettingTexts, Texts } from './configuration-texts.ts';
import type { Language } from './language.ts';
import { configurationTexts } from './portuguese/configuration.ts';

interface Described extends SettingTexts {
  /** Values that break its rules, one for each: the rules' own words are printed. */
  wrong?: readonly unknown[];
}

const general: Section<Settings['general'], Described> = {
  project: { about: 'first part of every name in the account', wrong: ['P', 'aws-db'] },
  environment: { about: 'second part of every name; environments of one account are separate', wrong: ['Prod!'] },
  durability: {
    about:
      '`available`: the primary acknowledges writes alone after its standby is lost. `zero-loss`: writes wait while there is no synchronous standby',
    otherwise: '`available` with 2 PostgreSQL nodes, `zero-loss` with 3',
    wrong: ['fast'],
  },
  alertEmail: { about: 'address that is notified of alerts through SNS; it has to be confirmed once', wrong: ['me'] },
  monitoring: { about: 'whether there is a monitoring node with Prometheus, Alertmanager and Grafana' },
  awsProfile: {
    about: 'profile of `~/.aws/config`; `AWS_PROFILE` and access keys in the environment win',
    wrong: [''],
  },
  documentationUrl: {
    about: 'where `docs` is published: the base of `runbook_url` in alerts; `null`: paths of the checkout',
    wrong: ['docs'],
  },
  keyPair: { about: 'EC2 key pair for SSH; `null`: Session Manager only', wrong: [' '] },
  adminCidrs: {
    about: 'client addresses that may reach the bastion and the monitoring pages',
    wrong: [['here'], ['0.0.0.0/0']],
  },
  apiCidrs: {
    about: "client addresses that may reach the two HTTP APIs; `['0.0.0.0/0']` is everybody",
    otherwise: '`adminCidrs`',
    wrong: [['here']],
  },
  egress: {
    about: 'how nodes without a public address reach package mirrors and AWS: NAT on the bastion, or a NAT gateway',
    wrong: ['none'],
  },
  flowLogs: { about: 'VPC flow logs, kept for 30 days', wrong: ['yes'] },
  permissionsBoundary: {
    about: 'whether every role gets the permissions boundary that an administrator creates with `pgha policies`',
    wrong: ['yes'],
  },
  objectLockDays: {
    about: 'S3 object lock in governance mode on the backup buckets; a bucket keeps it once it has it',
    otherwise: '`backups.restoreWindowDays`',
    wrong: [0],
  },
  state: {
    about: 'where the Terraform state is kept: a bucket per region, or `.pgha/state` of the checkout',
    wrong: ['git'],
  },
};

const region: Section<RegionInput, Described> = {
  awsRegion: { about: 'AWS region', wrong: ['here', 'cn-north-1', 'us-west-1'] },
  zones: {
    about: 'letters of three availability zones; cannot be changed once the network exists',
    otherwise: 'three zones that new accounts have in that region',
    wrong: [['a', 'a', 'b']],
  },
  cidr: { about: 'address range of the VPC; cannot be changed later', wrong: ['8.8.8.0/24'] },
  postgres: { about: 'number of PostgreSQL nodes', wrong: [9] },
  etcd: { about: 'number of etcd nodes', wrong: [2] },
  namePrefix: { about: "put before every node's name", wrong: ['Region 2'] },
  apiServer: { about: 'whether the region has an API node with both HTTP services' },
};

const sections = {
  general,
  primary: { ...region, apiServer: { ...region.apiServer, wrong: [false] } },
  dr: {
    ...region,
    awsRegion: { ...region.awsRegion, wrong: [...(region.awsRegion.wrong ?? []), 'us-east-1'] },
    cidr: { ...region.cidr, wrong: [...(region.cidr.wrong ?? []), '10.42.0.0/16'] },
    etcd: { ...region.etcd, otherwise: '1 with one PostgreSQL node, 3 with more' },
    namePrefix: { ...region.namePrefix, wrong: [...(region.namePrefix.wrong ?? []), ''] },
  },
  instanceTypes: {
    etcd: { about: 'etcd nodes', wrong: ['t2.nano'] },
    postgres: { about: 'PostgreSQL nodes of the primary region; memory settings follow from it', wrong: ['t2.nano'] },
    standby: {
      about: 'PostgreSQL nodes of the DR region',
      otherwise: '`instanceTypes.postgres`',
      wrong: ['t2.nano'],
    },
    api: { about: 'API nodes', wrong: ['t2.nano'] },
    monitoring: { about: 'monitoring node', wrong: ['t2.nano'] },
    bastion: { about: 'bastion', wrong: ['t2.nano'] },
  },
  volumes: {
    rootGib: { about: 'root volume of every node', wrong: [1] },
    dataGib: {
      about:
        'data volume of each PostgreSQL node: data and WAL, a day of WAL included for the time a repository is unavailable',
      wrong: [1],
    },
    monitoringGib: { about: 'root volume of the monitoring node, on top of what the system needs', wrong: [1] },
  },
  patroni: {
    ttlSeconds: { about: 'TTL of the leader lease: how long a failed host holds up the failover', wrong: [5, 13] },
    loopWaitSeconds: { about: "pause between two rounds of Patroni's main loop", wrong: [0] },
    retryTimeoutSeconds: { about: 'how long Patroni retries etcd and PostgreSQL before it demotes', wrong: [1] },
    primaryStartTimeoutSeconds: {
      about: 'how long a crashed primary may recover before a failover; 0: fail over at once',
      wrong: [-1],
    },
    maximumLagOnFailoverBytes: { about: 'a standby that lags more is no failover candidate', wrong: [1] },
  },
  backups: {
    fullOn: { about: 'weekday of the full backup; the other days have a differential one', wrong: ['Sunday'] },
    atUtc: { about: 'time of the daily backup, UTC', wrong: ['2 pm'] },
    incrementalEveryHours: { about: 'interval of the incremental backups', wrong: [5] },
    restoreWindowDays: { about: 'how far back a point-in-time recovery can go', wrong: [0] },
    retentionDays: { about: 'how long full backups are kept', wrong: [0, 3] },
  },
} as const satisfies { readonly [Name in keyof Settings]: Section<Settings[Name], Described> };

interface Words {
  texts: Texts;
  general: string;
  introductions: Readonly<Record<Exclude<keyof Settings, 'general'>, string>>;
  columns: readonly string[];
}

const knownTypes = Object.keys(instanceTypes).join(', ');
const timingRule = '`loopWaitSeconds + 2 * retryTimeoutSeconds <= ttlSeconds`';

const words: Readonly<Record<Language, Words>> = {
  english: {
    texts: sections,
    general: 'General',
    introductions: {
      primary: 'The primary region.',
      dr: 'The DR region; `dr: null` leaves it out.',
      instanceTypes: `EC2 instance types, by role. Known are ${knownTypes}.`,
      volumes: 'Sizes of the gp3 volumes, in GiB.',
      patroni: `Patroni's timing. Together they have to satisfy ${timingRule}.`,
      backups: 'When backups are taken, and how long they are kept.',
    },
    columns: ['setting', 'what it is', 'default', 'rule'],
  },
  portuguese: {
    texts: configurationTexts,
    general: 'Geral',
    introductions: {
      primary: 'A região primária.',
      dr: 'A região de DR; `dr: null` a dispensa.',
      instanceTypes: `Tipos de instância do EC2, por papel. São conhecidos ${knownTypes}.`,
      volumes: 'Tamanhos dos volumes gp3, em GiB.',
      patroni: `Os tempos do Patroni. Juntos eles precisam satisfazer ${timingRule}.`,
      backups: 'Quando os backups são feitos, e por quanto tempo são mantidos.',
    },
    columns: ['configuração', 'o que é', 'padrão', 'regra'],
  },
};

/** Every setting of `pgha.config.ts` with its default and its rules, as a page of Markdown. */
export function renderConfigurationTable(language: Language = 'english'): string {
  const defaults = withDefaults({});
  const { general: title, introductions } = words[language];
  const { general: _, ...rest } = sections;
  const parts = (Object.keys(rest) as (keyof typeof rest)[]).map(
    (name) =>
      `## ${name}\n\n${introductions[name]}\n\n${table(name, language, defaults[name] as unknown as Defaults, (key, value) => ({ [name]: { [key]: value } }))}`,
  );
  const first = table('general', language, defaults as unknown as Defaults, (key, value) => ({ [key]: value }));
  return `## ${title}\n\n${first}\n${parts.join('\n')}`;
}

type Defaults = Readonly<Record<string, unknown>>;

function table(
  section: keyof Settings,
  language: Language,
  defaults: Defaults,
  inputOf: (key: string, value: unknown) => ClusterInput,
): string {
  const { columns } = words[language];
  const settings: Readonly<Record<string, Described>> = sections[section];
  const texts: Readonly<Record<string, SettingTexts>> = words[language].texts[section];
  const rows = Object.entries(settings).map(([key, { otherwise: isInWords, wrong = [] }]) => {
    const path = section === 'general' ? key : `${section}.${key}`;
    const { about, otherwise } = texts[key] ?? {};
    if (about === undefined || (otherwise === undefined) !== (isInWords === undefined))
      throw new Error(`${path} is not described in ${language} as it is in English`);
    const rules = wrong.flatMap((value) => rulesBrokenBy(inputOf(key, value), path));
    const distinct = [...new Set(rules)];
    if (distinct.length < wrong.length) throw new Error(`a wrong value of ${path} breaks no rule of its own`);
    const fallback = otherwise ?? `\`${renderDefault(defaults[key])}\``;
    return `| \`${key}\` | ${cell(about)} | ${cell(fallback)} | ${cell(distinct.join('; ') || 'true or false')} |\n`;
  });
  return `| ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length)}\n${rows.join('')}`;
}

/** The rules' own words about a value, wherever in it they find the mistake. */
function rulesBrokenBy(input: ClusterInput, path: string): readonly string[] {
  try {
    defineCluster(input);
  } catch (error) {
    if (!(error instanceof InvalidClusterError)) throw error;
    const own = error.problems.filter((problem) => problem.path === path || problem.path.startsWith(`${path}[`));
    return own.map(({ allowed }) => allowed);
  }
  return [];
}

const renderDefault = (value: unknown): string =>
  typeof value === 'string' ? `'${value}'` : (JSON.stringify(value)?.replaceAll('"', "'") ?? '');

const cell = (text: string): string => text.replaceAll('|', '\\|');
