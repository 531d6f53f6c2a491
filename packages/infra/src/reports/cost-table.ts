import { type Cluster, instanceTypes, peerOf, type Region, regionsOf } from '../cluster/index.ts';
import { type CostItem, type CostPart, hoursPerMonth, modestUsage, monthlyCost, totalOf, type Usage } from './cost.ts';
import { pricesAsOf, pricesOf } from './price-list.ts';

const dollars = (usd: number) => usd.toFixed(2);

/** A month's cost as a table of Markdown, with what it was computed from. */
export function renderCostTable(cluster: Cluster, usage: Usage = modestUsage): string {
  const items = monthlyCost(cluster, usage);
  const sumOf = (region: Region['kind']) => totalOf(items.filter((item) => item.region === region));
  const rows = items.map(
    (item) => `| ${regionName(cluster, item)} | ${item.what} | ${item.basis} | ${dollars(item.usd)} |`,
  );
  return [
    '| region | what | how it is computed | USD per month |',
    '|---|---|---|---:|',
    ...rows,
    `| ${cluster.primary.awsRegion} | **total** | | **${dollars(sumOf('primary'))}** |`,
    ...(cluster.dr === null ? [] : [`| ${cluster.dr.awsRegion} | **total** | | **${dollars(sumOf('dr'))}** |`]),
    `| | **grand total** | of which fixed: ${dollars(totalOf(items.filter(({ kind }) => kind === 'fixed')))} | **${dollars(totalOf(items))}** |`,
    '',
    ...notes(cluster, usage).map((note) => `- ${note}`),
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
export function renderEstimate(cluster: Cluster, usage: Usage = modestUsage): string {
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
  const rows = steps.map(([words, usd], index) => {
    const together = steps.slice(0, index + 1).reduce((sum, [, each]) => sum + each, 0);
    return `| ${words} | ${dollars(usd)} | ${dollars(together)} |`;
  });
  return [
    '## Why a quick estimate is lower',
    '',
    'An estimate from the nodes of the primary region and their load balancer ends at the first line. The lines below it are billed',
    'too; `pgha cost` shows what each consists of.',
    '',
    '| | USD per month | cumulative |',
    '|---|---:|---:|',
    ...rows,
    '',
  ].join('\n');
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
