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
    '| region | what | how it is computed | USD a month |',
    '|---|---|---|---:|',
    ...rows,
    `| ${cluster.primary.awsRegion} | **together** | | **${dollars(sumOf('primary'))}** |`,
    ...(cluster.dr === null ? [] : [`| ${cluster.dr.awsRegion} | **together** | | **${dollars(sumOf('dr'))}** |`]),
    `| | **all** | of it fixed: ${dollars(totalOf(items.filter(({ kind }) => kind === 'fixed')))} | **${dollars(totalOf(items))}** |`,
    '',
    ...notes(cluster, usage).map((note) => `- ${note}`),
    '',
  ].join('\n');
}

/** Rows of region, machines and USD a month, without headings: for documents of any language. */
export function renderCostRows(cluster: Cluster, usage: Usage = modestUsage): readonly string[] {
  const items = monthlyCost(cluster, usage);
  const rows = regionsOf(cluster).map(
    ({ kind, awsRegion, nodes }) =>
      `| ${awsRegion} | ${nodes.length} | ${dollars(totalOf(items.filter(({ region }) => region === kind)))} |`,
  );
  return [...rows, `| | | **${dollars(totalOf(items))}** |`];
}

/** What a quick estimate of such a cluster has: everything else comes with it, and is billed. */
const quickParts: readonly CostPart[] = ['machines', 'load balancer'];

/** What is left out of a quick estimate, in the words of a bill. */
const leftOut: readonly (readonly [CostPart, string])[] = [
  ['volumes', 'disks: a root volume a machine, a data volume a database machine'],
  ['addresses', 'public IPv4 addresses, billed since February 2024 whether used or not'],
  ['services', 'the key, the private zone, the alarms, and what options add'],
  ['backups', 'backups and WAL in S3'],
  ['traffic', 'traffic between zones, to the second region and to the Internet'],
];

/** From what a quick estimate counts to what AWS bills, step by step, as a section of Markdown. */
export function renderEstimate(cluster: Cluster, usage: Usage = modestUsage): string {
  const items = monthlyCost(cluster, usage);
  const { primary, dr } = cluster;
  const sumOf = (region: Region['kind'], parts: readonly CostPart[]) =>
    totalOf(items.filter((item) => item.region === region && parts.includes(item.part)));
  const quick = sumOf('primary', quickParts);
  const steps: readonly (readonly [string, number])[] = [
    [`machines of ${primary.awsRegion} and their load balancer`, quick],
    ...leftOut.map(([part, words]) => [words, sumOf('primary', [part])] as const),
    ...(dr === null
      ? []
      : [
          [
            `${dr.awsRegion}, all of it: machines, load balancer, disks, repository 2`,
            totalOf(items.filter(({ region }) => region === 'dr')),
          ] as const,
        ]),
  ];
  const rows = steps.map(([words, usd], index) => {
    const together = steps.slice(0, index + 1).reduce((sum, [, each]) => sum + each, 0);
    return `| ${words} | ${dollars(usd)} | ${dollars(together)} |`;
  });
  return [
    '## Why a quick estimate says less',
    '',
    'An estimate by the machines of the first region and their load balancer ends at the first line. The lines below it are billed',
    'too; `pgha cost` prints what each consists of.',
    '',
    '| | USD a month | together |',
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
    `List prices of ${pricesAsOf}, on demand, without taxes, free tiers and discounts; a year's commitment takes about a third off the machines.`,
    `Assumed: ${usage.databaseGib} GiB of data, ${usage.walGibPerDay} GiB of WAL a day, ${usage.clientGib} GiB a month through the load balancer, ${usage.internetGib} GiB to the Internet. Backups are counted uncompressed.`,
    'Not counted: what machines in different zones say to each other all the time (health checks, heartbeats, scrapes), and requests to KMS and S3 but for WAL. Together a few dollars.',
    ...(vcpus === 0 || prices === null
      ? []
      : [
          `Every T3 instance may use more than its baseline rather than be throttled, from its first boot on: ${prices.cpuCreditHour} per vCPU and hour above the baseline of a day, at most ${dollars(vcpus * prices.cpuCreditHour * hoursPerMonth)} a month if all ${vcpus} were busy all the time; nothing below the baseline.`,
        ]),
  ];
}

const regionName = (cluster: Cluster, { region }: CostItem) =>
  (region === 'primary' ? cluster.primary : cluster.dr)?.awsRegion ?? region;
