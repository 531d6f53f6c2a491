import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { defineCluster } from '../cluster/index.ts';
import { pagesOf, recordedFigures, renderDashboards, renderRules, signalsOf } from './index.ts';

const both = defineCluster({});
const alone = defineCluster({ dr: null });

describe('signals', () => {
  it('have a name each, and a first action with a command', () => {
    const signals = signalsOf(both);
    expect(new Set(signals.map(({ name }) => name)).size).toBe(signals.length);
    for (const { name, summary, meaning, impact, runbook } of signals) {
      expect(name).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(summary.length, name).toBeGreaterThan(15);
      for (const text of [meaning, impact, runbook]) expect(text, name).toMatch(/\.$/);
      expect(runbook, name).toMatch(/`[^`]+`/);
    }
  });

  it('wake somebody within a minute: a scrape, an evaluation and the wait before it fires', () => {
    const immediate = [
      'NoPrimary',
      'NodeDown',
      'PostgresDown',
      'EtcdQuorumLost',
      'WriteApiDown',
      'NoSynchronousStandby',
      'DurabilitySettingOverridden',
    ];
    for (const name of immediate) {
      const signal = signalsOf(both).find((candidate) => candidate.name === name) ?? expect.fail(name);
      expect(signal.severity).toBe('critical');
      // ten seconds each to scrape and to evaluate, five until Alertmanager sends
      expect(signal.forSeconds + 10 + 10 + 5, name).toBeLessThanOrEqual(60);
    }
  });

  it('are not asked of what a cluster does not have', () => {
    const names = signalsOf(alone).map(({ name }) => name);
    expect(names).toContain('NoPrimary');
    expect(names.filter((name) => name.startsWith('Dr'))).toEqual([]);
    expect(JSON.stringify(pagesOf(alone))).not.toContain('patroni_standby_leader == 1');
  });
});

describe('the rule file', () => {
  const groups: { name: string; rules: { record?: string; alert?: string; expr: string }[] }[] = parse(
    renderRules(both),
  ).groups;

  it('has every figure before the alerts that use it, and no alert twice', () => {
    expect(groups[0]?.rules.map(({ record }) => record)).toEqual(recordedFigures.map(({ name }) => name));
    const alerts = groups.slice(1).flatMap(({ rules }) => rules.map(({ alert }) => alert));
    expect([...alerts].sort()).toEqual(
      signalsOf(both)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it('uses recorded figures by names that exist', () => {
    const recorded = new Set(recordedFigures.map(({ name }) => name));
    const asked = [
      ...signalsOf(both).map(({ query }) => query),
      ...pagesOf(both).flatMap(({ panels }) => panels.flatMap(({ curves }) => curves.map(({ query }) => query))),
    ];
    const used = asked.flatMap((query) => query.match(/\b(?:job|instance|region):\w+:\w+/g) ?? []);
    expect(used.length).toBeGreaterThan(10);
    for (const name of used) expect(recorded.has(name), name).toBe(true);
  });
});

describe('dashboards', () => {
  it('are Grafana’s, with an address each and every panel on the grid', () => {
    const dashboards = renderDashboards(both).map(({ name, json }) => ({ name, ...JSON.parse(json) }));
    expect(dashboards.map(({ uid }) => uid)).toEqual([
      'pgha-overview',
      'pgha-services',
      'pgha-database',
      'pgha-machines',
    ]);
    for (const { panels, name } of dashboards) {
      const cells = new Set<string>();
      for (const { gridPos, targets, datasource } of panels) {
        expect(datasource.uid).toBe('prometheus');
        expect(targets.length).toBeGreaterThan(0);
        expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
            expect(cells.has(`${x},${y}`), `${name} ${x},${y}`).toBe(false);
            cells.add(`${x},${y}`);
          }
        }
      }
    }
  });
});
