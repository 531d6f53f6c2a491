import { type Cluster, instanceTypes, peerOf, type Region } from '../cluster/index.ts';
import { type CostItem, hoursPerMonth, modestUsage, monthlyCost, totalOf, type Usage } from './cost.ts';
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

/** What the sum leaves out, and what it assumes. */
export function notes(cluster: Cluster, usage: Usage): readonly string[] {
  const prices = pricesOf(cluster.primary.awsRegion);
  const unlimited = [cluster.primary, peerOf(cluster, cluster.primary)]
    .flatMap((region) => region?.nodes ?? [])
    .filter(
      ({ role, instanceType }) => ['etcd', 'postgres', 'standby'].includes(role) && instanceType.startsWith('t3.'),
    );
  const vcpus = unlimited.reduce((sum, { instanceType }) => sum + (instanceTypes[instanceType]?.vcpus ?? 0), 0);
  return [
    `List prices of ${pricesAsOf}, on demand, without taxes, free tiers and discounts; a year's commitment takes about a third off the machines.`,
    `Assumed: ${usage.databaseGib} GiB of data, ${usage.walGibPerDay} GiB of WAL a day, ${usage.clientGib} GiB a month through the load balancer, ${usage.internetGib} GiB to the Internet. Backups are counted uncompressed.`,
    ...(vcpus === 0 || prices === null
      ? []
      : [
          `Database and etcd machines may use more than their T3 baseline rather than be slowed down: ${prices.cpuCreditHour} a vCPU and hour, at most ${dollars(vcpus * prices.cpuCreditHour * hoursPerMonth)} a month if all ${vcpus} were busy all the time; nothing below the baseline.`,
        ]),
  ];
}

const regionName = (cluster: Cluster, { region }: CostItem) =>
  (region === 'primary' ? cluster.primary : cluster.dr)?.awsRegion ?? region;
