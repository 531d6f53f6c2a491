import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineCluster, instanceTypes } from '../cluster/index.ts';
import { modestUsage, monthlyCost, totalOf, UnknownPricesError } from './cost.ts';
import { renderCostRows, renderCostTable, renderEstimate } from './cost-table.ts';
import { pricesOf } from './price-list.ts';

const idle = { databaseGib: 0, walGibPerDay: 0, clientGib: 0, internetGib: 0, logGib: 0 };

describe('the monthly cost', () => {
  it.each([
    [
      'english',
      'docs/reference/cost.md',
      '# What it costs\n\n[Português do Brasil](../pt-BR/reference/cost.md)\n\nThe example configuration; `pgha cost` computes yours.',
    ],
    [
      'portuguese',
      'docs/pt-BR/reference/cost.md',
      '# Quanto custa\n\n[English](../../reference/cost.md)\n\nA configuração de exemplo; `pgha cost` calcula a sua.',
    ],
  ] as const)('is what the documents say of the example in %s', async (language, page, head) => {
    const example = defineCluster();
    const parts = [renderCostTable(example, modestUsage, language), renderEstimate(example, modestUsage, language)];
    await expect(`${head}\n\n${parts.join('\n')}`).toMatchFileSnapshot(`../../../../${page}`);
  });

  it.each([
    ['README.md', '.'],
    ['README.pt-BR.md', ','],
  ])('is what %s says of the example', (name, decimal) => {
    const text = readFileSync(new URL(`../../../../${name}`, import.meta.url), 'utf8');
    const rows = renderCostRows(defineCluster()).join('\n');
    expect(text).toContain(rows.replaceAll(/(?<=\d)\.(?=\d\d\b)/g, decimal));
  });

  it('has every machine, volume, address and load balancer of the smallest cluster', () => {
    const cluster = defineCluster({ dr: null, monitoring: false });
    // 7 machines, 7 * 8 + 2 * 20 GiB, 2 addresses, 1 load balancer, 2 keys, zone, 7 alarms
    const expected = 7 * 0.0104 * 730 + 96 * 0.08 + 2 * 0.005 * 730 + 0.0225 * 730 + 2 + 0.5 + 0.7;
    const fixed = monthlyCost(cluster, idle).filter(({ kind }) => kind === 'fixed');
    expect(totalOf(fixed)).toBeCloseTo(expected, 2);
  });

  it('does not forget the NAT gateway, its address and what passes it', () => {
    const of = (egress: 'bastion' | 'nat-gateway') => totalOf(monthlyCost(defineCluster({ egress })));
    // 5 full, 1 + 2 + 3 + 4 + 5 + 5 differential and 7 incremental a week
    const passes = (365 / 12) * 1 + (365 / 12 / 7) * (5 + 20 + 7);
    expect(of('nat-gateway') - of('bastion')).toBeCloseTo(2 * (0.045 + 0.005) * 730 + passes * (0.045 - 0.02), 1);
  });

  it('counts the segments that are sent whole because archive_timeout closes them', () => {
    const streamed = monthlyCost(defineCluster({ dr: null }), idle).find(
      ({ what }) => what === 'traffic between availability zones',
    );
    // 2 880 segments a day of 4 MiB, to one replica
    expect(streamed?.usd).toBeCloseTo(((2880 * 4) / 1024) * (365 / 12) * 0.02, 2);
  });

  it('is reached from a quick estimate by adding everything that was left out', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(null, {}),
        fc.constantFrom('bastion', 'nat-gateway'),
        fc.boolean(),
        (dr, egress, flowLogs) => {
          const cluster = defineCluster({ dr, egress, flowLogs });
          const rows = renderEstimate(cluster)
            .split('\n')
            .filter((line) => /^\|.*\d/.test(line));
          expect(rows.at(-1)).toContain(` ${totalOf(monthlyCost(cluster)).toFixed(2)} |`);
        },
      ),
    );
  });

  it('knows a price for every instance type that may be chosen', () => {
    for (const region of ['us-east-1', 'us-east-2', 'us-west-2']) {
      expect(Object.keys(pricesOf(region)?.instanceHour ?? {}).sort()).toEqual(Object.keys(instanceTypes).sort());
    }
  });

  it('grows with everything that is used', () => {
    const keys = Object.keys(modestUsage) as (keyof typeof modestUsage)[];
    const amount = fc.record(Object.fromEntries(keys.map((key) => [key, fc.integer({ min: 0, max: 1000 })])));
    fc.assert(
      fc.property(amount, fc.constantFrom(...keys), fc.integer({ min: 100, max: 200 }), (given, key, more) => {
        const usage = { ...modestUsage, ...given };
        const cluster = defineCluster({ flowLogs: true });
        const before = totalOf(monthlyCost(cluster, usage));
        expect(totalOf(monthlyCost(cluster, { ...usage, [key]: usage[key] + more }))).toBeGreaterThan(before);
      }),
    );
  });

  it('refuses to guess the prices of a region it does not know', () => {
    const cluster = defineCluster({ primary: { awsRegion: 'eu-central-1' } });
    expect(() => monthlyCost(cluster)).toThrow(UnknownPricesError);
    expect(() => monthlyCost(cluster)).toThrow(
      /no prices for eu-central-1; known regions: us-east-1, us-east-2, us-west-2\..*price-list\.ts/,
    );
  });
});
