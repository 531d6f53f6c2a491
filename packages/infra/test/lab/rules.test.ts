import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { defineCluster } from '../../src/cluster/index.ts';
import { pagesOf, renderRules, type Signal, signalsOf } from '../../src/observability/index.ts';
import { type DebianRoot, openDebianRoot } from './debian-root.ts';
import { type Series, signalCases, verdictSeconds } from './signal-cases.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'] });
const signals = signalsOf(cluster);

interface RuleGroup {
  name: string;
}
const allGroups: readonly RuleGroup[] = parse(renderRules(cluster)).groups;
const groupNames = [...new Set(signals.map(({ group }) => group))];

/** The figures and one group: promtool evaluates every rule at every scrape of every test. */
const rulesFor = (group: string) =>
  stringify({ groups: allGroups.filter(({ name }) => name === 'figures' || name === group) }, { lineWidth: 0 });

/** promtool's unit tests: the count of firing alerts of a signal, each with the labels its message speaks of. */
function renderTests(group: string, series: (signal: Signal) => Series, count: number): string {
  return stringify({
    rule_files: [`${group}.rules.yml`],
    evaluation_interval: '10s',
    tests: signals
      .filter((signal) => signal.group === group)
      .map((signal) => ({
        name: signal.name,
        interval: '10s',
        input_series: Object.entries(series(signal)).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: `count(ALERTS{alertname="${signal.name}",alertstate="firing"${spokenLabels(signal)}}) or vector(0)`,
            eval_time: `${Math.max(verdictSeconds, signal.forSeconds + 180)}s`,
            exp_samples: [{ labels: '{}', value: count }],
          },
        ],
      })),
  });
}

/** A label the summary or the runbook uses must be there, or people read "<no value>". */
function spokenLabels({ summary, runbook }: Signal): string {
  const names = [...`${summary} ${runbook}`.matchAll(/\$labels\.(\w+)/g)].map(([, name]) => name);
  return [...new Set(names)].map((name) => `,${name}!=""`).join('');
}

const caseOf = ({ name }: Signal) => signalCases[name] ?? expect.fail(`no case for ${name}`);

describe('the rules', () => {
  let root: DebianRoot;
  beforeAll(() => {
    root = openDebianRoot(['prometheus']);
    root.write([{ path: '/root/rules.yml', content: renderRules(cluster), mode: '0644' }]);
  });
  afterAll(() => root.close());

  const judge = (series: (signal: Signal) => Series, count: number) => {
    const files = groupNames.flatMap((group) => [
      { path: `/root/${group}.rules.yml`, content: rulesFor(group), mode: '0644' },
      { path: `/root/${group}.tests.yml`, content: renderTests(group, series, count), mode: '0644' },
    ]);
    root.write(files);
    return root.run("cd /root; promtool test rules *.tests.yml | grep -v -e '^Unit Testing' -e SUCCESS -e '^$' || true")
      .output;
  };

  it('are accepted by promtool', () => {
    const { code, output } = root.run('promtool check rules --lint=all --lint-fatal /root/rules.yml');
    expect(output).toContain('SUCCESS');
    expect(code).toBe(0);
  });

  it('fire for what they are named after, with every label their message speaks of', () => {
    expect(judge((signal) => caseOf(signal).fires, 1)).toBe('');
  });

  it('stay quiet where something else is wrong, or nothing', () => {
    expect(judge((signal) => caseOf(signal).quiet, 0)).toBe('');
  });

  it('has a case for each signal and none for a signal that is gone', () => {
    expect(Object.keys(signalCases).sort()).toEqual(signals.map(({ name }) => name).sort());
  });

  it('and the dashboards ask only what Prometheus can parse', () => {
    const queries = pagesOf(cluster).flatMap(({ panels }) =>
      panels.flatMap(({ curves }) => curves.map(({ query }) => query)),
    );
    expect(queries.length).toBeGreaterThan(40);
    const content = stringify({
      groups: [{ name: 'queries', rules: queries.map((expr, index) => ({ record: `q:${index}`, expr })) }],
    });
    root.write([{ path: '/root/queries.yml', content: content.replaceAll('q:', 'q_'), mode: '0644' }]);
    const { code, output } = root.run('promtool check rules /root/queries.yml');
    expect(output).toContain('SUCCESS');
    expect(code).toBe(0);
  });
});
