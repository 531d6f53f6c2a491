import { type Chart, renderChart, type Series, type TimeWindow } from './chart.ts';
import { awaited, capital, type Requests } from './event-text.ts';
import { formatBytes, formatClock, formatCount, formatDuration } from './figures.ts';
import type { Measure, Point } from './history.ts';
import { type Html, html, type Part } from './html.ts';
import { type Snapshot, windowMs } from './sampler.ts';
import { binaryScale, decadeScale, decimalScale } from './scale.ts';

type Seen = Pick<Snapshot, 'at' | 'history' | 'events' | 'held'>;

const unknown = '–';

/** Scales do not follow every flicker: an idle service shows a flat line at the bottom, not noise at full height. */
const floors = { requests: 10, held: 10, lagBytes: 64 * 1024, latencySeconds: 0.1 };
/** The fastest bucket's middle is 0.25 ms. */
const latencyBottomSeconds = 0.0001;

/** The four charts of the last minutes, each with its current value. */
export function renderCharts(seen: Seen, requests: Requests): Html {
  const points = (measure: Measure) => seen.history.points(measure);
  const [rate, failed, p50, p99, held, lag] = [
    points('requestsPerSecond'),
    points('failuresPerSecond'),
    points('p50'),
    points('p99'),
    points('held'),
    points('lag'),
  ];
  const window: TimeWindow = { from: seen.at - windowMs, to: seen.at };
  const shared = {
    window,
    away: points('away'),
    marks: seen.events.flatMap(({ kind, at }) => (kind === 'leader-changed' && at >= window.from ? [at] : [])),
  };
  const failures = sum(failed);
  const failedSeries: Series[] = failures > 0 ? [{ style: 'failed', points: failed }] : [];
  const cards: Card[] = [
    {
      title: 'Requests per second',
      now: show(last(rate), formatCount),
      note: html`<span class="${failures > 0 ? 'trouble' : ''}">${formatCount(failures)} failed in 5 minutes</span>`,
      chart: {
        ...shared,
        label: describe('Requests per second', rate, formatCount),
        series: [{ style: 'main', points: rate, isFilled: true }, ...failedSeries],
        scale: decimalScale(highest(rate), floors.requests),
        formatTick: formatCount,
      },
    },
    {
      title: 'Latency',
      now: html`<small>p99</small> ${show(latest(p99), formatDuration)}`,
      note: html`<span class="key key-fine">p50 ${show(latest(p50), formatDuration)}</span> <span class="key key-main">p99</span>`,
      chart: {
        ...shared,
        label: `${describe('Latency, p50', p50, formatDuration)} ${describe('p99', p99, formatDuration)}`,
        series: [
          { style: 'fine', points: p50 },
          { style: 'main', points: p99 },
        ],
        scale: decadeScale(highest(p99), latencyBottomSeconds, floors.latencySeconds),
        formatTick: formatDuration,
      },
    },
    {
      title: 'Replication lag',
      now: show(last(lag), formatBytes),
      note: html`of the replica with the highest lag`,
      chart: {
        ...shared,
        label: describe('Replication lag', lag, formatBytes),
        series: [{ style: 'main', points: lag, isFilled: true }],
        scale: binaryScale(highest(lag), floors.lagBytes),
        formatTick: formatBytes,
      },
    },
    {
      title: `Queued ${requests}`,
      now: formatCount(seen.held),
      note: html`${capital(requests)} waiting for a ${awaited(requests)}`,
      chart: {
        ...shared,
        label: describe(`Queued ${requests}`, held, formatCount),
        series: [{ style: 'main', points: held, isFilled: true }],
        scale: decimalScale(highest(held), floors.held),
        formatTick: formatCount,
      },
    },
  ];
  return html`${cards.map(renderCard)}`;
}

interface Card {
  title: string;
  now: Part;
  note: Html;
  chart: Chart;
}

function renderCard({ title, now, note, chart }: Card): Html {
  return html`<figure class="card"><figcaption><h2>${title}</h2><p class="now">${now}</p><p class="note">${note}</p></figcaption>
${renderChart(chart)}</figure>
`;
}

const rowEverySamples = 15;

/** The same values as a table, for those who do not see the charts. */
export function renderFigures({ history }: Pick<Snapshot, 'history'>): Html {
  const columns = (['requestsPerSecond', 'p50', 'p99', 'lag', 'held'] as const).map((measure) =>
    history.points(measure),
  );
  const [rate = []] = columns;
  const formats = [formatCount, formatDuration, formatDuration, formatBytes, formatCount];
  const rows: Html[] = [];
  for (let index = rate.length - 1; index >= 0; index -= rowEverySamples) {
    const cells = columns.map((points, column) => {
      const value = points[index]?.value ?? null;
      return html`<td class="number">${show(value, formats[column] ?? String)}</td>`;
    });
    rows.push(html`<tr><th scope="row">${formatClock(rate[index]?.at ?? 0)}</th>${cells}</tr>
`);
  }
  return html`<table>
<caption class="unseen">The last five minutes, newest first</caption>
<thead><tr><th scope="col">Time (UTC)</th><th scope="col" class="number">Requests/s</th><th scope="col" class="number">p50</th><th scope="col" class="number">p99</th><th scope="col" class="number">Lag</th><th scope="col" class="number">Queued</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

function show(value: number | null, format: (value: number) => string): string {
  return value === null ? unknown : format(value);
}

function describe(what: string, points: Point[], format: (value: number) => string): string {
  return `${what}: now ${show(last(points), format)}, at most ${format(highest(points))} in the last five minutes.`;
}

function last(points: Point[]): number | null {
  return points.at(-1)?.value ?? null;
}

/** The last that is known: a while without a request has no latency. */
function latest(points: Point[]): number | null {
  return points.findLast(({ value }) => value !== null)?.value ?? null;
}

function highest(points: Point[]): number {
  let most = 0;
  for (const { value } of points) if (value !== null && value > most) most = value;
  return most;
}

function sum(points: Point[]): number {
  let total = 0;
  for (const { value } of points) total += value ?? 0;
  return Math.round(total);
}
