import { type Cluster, instanceTypes, peerOf, type Region, regionsOf } from '../cluster/index.ts';
import { type CostItem, type CostPart, hoursPerMonth, modestUsage, monthlyCost, totalOf, type Usage } from './cost.ts';
import { decimalIn, type Language } from './language.ts';
import { billInPortuguese } from './portuguese/cost.ts';
import { pricesAsOf, pricesOf } from './price-list.ts';

const dollars = (usd: number, language: Language = 'english') => decimalIn(language, usd.toFixed(2));

/** What the page has besides the words of the bill, which `line` translates. */
interface CostWords {
  columns: string;
  total: string;
  grandTotal: string;
  estimate: readonly string[];
  estimateColumns: string;
  line: (text: string) => string;
}

const words: Readonly<Record<Language, CostWords>> = {
  english: {
    columns: '| region | what | how it is computed | USD per month |',
    total: 'total',
    grandTotal: 'grand total',
    estimate: [
      '## Why a quick estimate is lower',
      '',
      'An estimate from the nodes of the primary region and their load balancer ends at the first line. The lines below it are billed',
      'too; `pgha cost` shows what each consists of.',
    ],
    estimateColumns: '| | USD per month | cumulative |',
    line: (text) => text,
  },
  portuguese: {
    columns: '| região | o quê | como é calculado | USD por mês |',
    total: 'total',
    grandTotal: 'total geral',
    estimate: [
      '## Por que uma estimativa rápida é menor',
      '',
      'Uma estimativa a partir dos nós da região primária e do load balancer deles termina na primeira linha. As linhas abaixo dela também',
      'são cobradas; `pgha cost` mostra em que cada uma consiste.',
    ],
    estimateColumns: '| | USD por mês | acumulado |',
    line: billInPortuguese,
  },
};

/** A month's cost as a table of Markdown, with what it was computed from. */
export function renderCostTable(cluster: Cluster, usage: Usage = modestUsage, language: Language = 'english'): string {
  const { columns, total, grandTotal, line } = words[language];
  const items = monthlyCost(cluster, usage);
  const totalRow = ({ kind, awsRegion }: Region) => {
    const sum = totalOf(items.filter((item) => item.region === kind));
    return `| ${awsRegion} | **${total}** | | **${dollars(sum, language)}** |`;
  };
  const rows = items.map(
    (item) =>
      `| ${regionName(cluster, item)} | ${line(item.what)} | ${line(item.basis)} | ${dollars(item.usd, language)} |`,
  );
  const fixed = line(`of which fixed: ${dollars(totalOf(items.filter(({ kind }) => kind === 'fixed')))}`);
  return [
    columns,
    '|---|---|---|---:|',
    ...rows,
    ...regionsOf(cluster).map(totalRow),
    `| | **${grandTotal}** | ${fixed} | **${dollars(totalOf(items), language)}** |`,
    '',
    ...notes(cluster, usage).map((note) => `- ${line(note)}`),
    '',
  ].join('\n');
}

/** Rows of region, machines and USD per month, without headings: for documents of any language. */
export function renderCostRows(cluster: Cluster, usage: Usage = modestUsage): readonly string[] {
  const items = monthlyCost(cluster, usage);
  const rows = regionsOf(cluster).map(
    ({ kind, awsRegion, nodes }) =>
      `| ${awsRegion} | ${nodes.length} | ${dollars(totalOf(items.filter(({ region }) => region === kind)))} |`,
  );
  return [...rows, `| | | **${dollars(totalOf(items))}** |`];
}

/** What a quick estimate of such a cluster counts. */
const quickParts: readonly CostPart[] = ['machines', 'load balancer'];

/** What is left out of a quick estimate, in the words of a bill. */
const leftOut: readonly (readonly [CostPart, string])[] = [
  ['volumes', 'disks: a root volume per node, a data volume per database node'],
  ['addresses', 'public IPv4 addresses, billed since February 2024 whether used or not'],
  ['services', 'KMS keys, private DNS zone, CloudWatch alarms, and optional services'],
  ['backups', 'backups and WAL in S3'],
  ['traffic', 'traffic between availability zones, to the DR region and to the Internet'],
];

/** From what a quick estimate counts to what AWS bills, step by step, as a section of Markdown. */
export function renderEstimate(cluster: Cluster, usage: Usage = modestUsage, language: Language = 'english'): string {
  const { estimate, estimateColumns, line } = words[language];
  const items = monthlyCost(cluster, usage);
  const { primary, dr } = cluster;
  const sumOf = (region: Region['kind'], parts: readonly CostPart[]) =>
    totalOf(items.filter((item) => item.region === region && parts.includes(item.part)));
  const quick = sumOf('primary', quickParts);
  const steps: readonly (readonly [string, number])[] = [
    [`nodes of ${primary.awsRegion} and their load balancer`, quick],
    ...leftOut.map(([part, words]) => [words, sumOf('primary', [part])] as const),
    ...(dr === null
      ? []
      : [
          [
            `${dr.awsRegion}, everything: nodes, load balancer, disks, repository 2`,
            totalOf(items.filter(({ region }) => region === 'dr')),
          ] as const,
        ]),
  ];
  const rows = steps.map(([what, usd], index) => {
    const together = steps.slice(0, index + 1).reduce((sum, [, each]) => sum + each, 0);
    return `| ${line(what)} | ${dollars(usd, language)} | ${dollars(together, language)} |`;
  });
  return [...estimate, '', estimateColumns, '|---|---:|---:|', ...rows, ''].join('\n');
}

/** What the sum leaves out, and what it assumes. */
export function notes(cluster: Cluster, usage: Usage): readonly string[] {
  const prices = pricesOf(cluster.primary.awsRegion);
  const unlimited = [cluster.primary, peerOf(cluster, cluster.primary)]
    .flatMap((region) => region?.nodes ?? [])
    .filter(({ instanceType }) => instanceType.startsWith('t3.'));
  const vcpus = unlimited.reduce((sum, { instanceType }) => sum + (instanceTypes[instanceType]?.vcpus ?? 0), 0);
  return [
    `List prices of ${pricesAsOf}, on demand, without taxes, free tiers and discounts; a one-year commitment saves about a third of the instances' price.`,
    `Assumed: ${usage.databaseGib} GiB of data, ${usage.walGibPerDay} GiB of WAL per day, ${usage.clientGib} GiB per month through the load balancer, ${usage.internetGib} GiB per month to the Internet. Backups are counted uncompressed.`,
    'Not counted: constant traffic between nodes in different availability zones (health checks, heartbeats, scrapes), and requests to KMS and S3 other than for WAL. Together a few dollars.',
    ...(vcpus === 0 || prices === null
      ? []
      : [
          `T3 instances have unlimited CPU credits: a daily average above the baseline costs ${prices.cpuCreditHour} per vCPU and hour, at most ${dollars(vcpus * prices.cpuCreditHour * hoursPerMonth)} per month if all ${vcpus} vCPUs were busy all the time; below the baseline it costs nothing.`,
        ]),
  ];
}

const regionName = (cluster: Cluster, { region }: CostItem) =>
  (region === 'primary' ? cluster.primary : cluster.dr)?.awsRegion ?? region;
