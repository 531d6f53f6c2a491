import { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Cluster } from '../cluster/index.ts';
import type { Page, Panel } from './page.ts';
import { databasePage } from './pages/database.ts';
import { machinesPage } from './pages/machines.ts';
import { overviewPage } from './pages/overview.ts';
import { servicesPage } from './pages/services.ts';
import type { Unit } from './signal.ts';

/** Every page, the overview first. */
export function pagesOf(cluster: Cluster): readonly Page[] {
  return [overviewPage(cluster), servicesPage, databasePage(cluster), machinesPage];
}

/** Grafana's dashboards, as its provisioning reads them. */
export function renderDashboards(cluster: Cluster): readonly { name: string; json: string }[] {
  return pagesOf(cluster).map((page) => ({ name: page.name, json: `${JSON.stringify(renderPage(page))}\n` }));
}

const grafanaUnits: Readonly<Record<Unit, string>> = {
  ratio: 'percentunit',
  seconds: 's',
  bytes: 'bytes',
  count: 'short',
  'per-second': 'reqps',
};

/** Grafana's grid is 24 wide: six numbers or two curves a row. */
const size = { number: { width: 4, height: 4 }, curve: { width: 12, height: 8 } } as const;

function renderPage({ name, title, panels }: Page) {
  const dashboard = new DashboardBuilder(title).uid(`pgha-${name}`).tags(['pgha']).readonly();
  dashboard.refresh('10s').time({ from: 'now-1h', to: 'now' }).timezone('utc');
  for (const panel of panels) dashboard.withPanel(renderPanel(panel));
  return dashboard.build();
}

function renderPanel({ title, kind, unit, curves }: Panel) {
  const panel = kind === 'number' ? new StatBuilder() : new TimeseriesBuilder();
  panel.title(title).unit(grafanaUnits[unit]).span(size[kind].width).height(size[kind].height);
  panel.datasource({ type: 'prometheus', uid: 'prometheus' });
  curves.forEach(({ query, legend }, index) => {
    panel.withTarget(new DataqueryBuilder().refId(letter(index)).expr(query).legendFormat(legend));
  });
  return panel;
}

const letter = (index: number) => String.fromCharCode('A'.charCodeAt(0) + index);
