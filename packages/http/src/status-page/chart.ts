import type { Point } from './history.ts';
import { type Html, html } from './html.ts';
import type { Scale } from './scale.ts';

/** One line of a chart; its look is that of the class `line-<style>`. */
export interface Series {
  style: 'main' | 'fine' | 'failed';
  points: Point[];
  /** Whether the area under it is tinted. */
  isFilled?: boolean;
}

/** The time a chart shows, in milliseconds since the epoch. */
export interface TimeWindow {
  from: number;
  to: number;
}

export interface Chart {
  /** What a screen reader says in place of the drawing. */
  label: string;
  series: Series[];
  scale: Scale;
  formatTick: (value: number) => string;
  /** Moments marked by a vertical line. */
  marks: number[];
  /** 1 for each sample without an available server. */
  away: Point[];
  window: TimeWindow;
}

/** The drawing's own units; the page stretches it to any size, so lines keep their width by `vector-effect`. */
const width = 1_000;
const height = 250;

/**
 * A line chart as inline SVG, its axis labels as text beside it: text inside a stretched drawing would be stretched too.
 */
export function renderChart(chart: Chart): Html {
  const { label, series, scale, formatTick, marks, away, window } = chart;
  const x = (at: number) => Math.round(((at - window.from) / (window.to - window.from)) * width);
  const y = (value: number) => Math.round((1 - scale.place(value)) * height);
  const intervals = scale.ticks.length - 1;
  const lines = scale.ticks.map((_, index) => Math.round((index / intervals) * height));
  return html`<div class="chart">
<svg class="plot" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}">
${bands(away).map(([from, to]) => html`<rect class="away" x="${x(from)}" y="0" width="${Math.max(2, x(to) - x(from))}" height="${height}"/>`)}
<path class="grid" d="${lines.map((at) => `M0 ${at}h${width}`).join('')}"/>
<path class="mark" d="${marks.map((at) => `M${x(at)} 0v${height}`).join('')}"/>
${series.map((each) => renderSeries(each, x, y))}</svg>
<ol class="ticks" aria-hidden="true">${scale.ticks.toReversed().map((tick) => html`<li>${formatTick(tick)}</li>`)}</ol>
<ol class="times" aria-hidden="true">${timeLabels(window).map((time) => html`<li>${time}</li>`)}</ol>
</div>`;
}

function renderSeries(
  { style, points, isFilled }: Series,
  x: (at: number) => number,
  y: (value: number) => number,
): Html {
  const runs = toRuns(points).map((run) => run.map(({ at, value }) => [x(at), y(value)] as const));
  const line = runs.map(toPath).join('');
  const last = runs.at(-1)?.at(-1);
  const area = isFilled ? runs.map((run) => `${toPath(run)}V${height}H${run[0]?.[0] ?? 0}z`).join('') : null;
  return html`${area === null ? null : html`<path class="area" d="${area}"/>`}<path class="line line-${style}" d="${line}"/>${
    last === undefined ? null : html`<path class="tip line-${style}" d="M${last[0]} ${last[1]}h0"/>`
  }`;
}

/** Stretches without a gap. */
function toRuns(points: Point[]): { at: number; value: number }[][] {
  const runs: { at: number; value: number }[][] = [];
  let run: { at: number; value: number }[] = [];
  for (const { at, value } of points) {
    if (value === null) {
      if (run.length > 0) runs.push(run);
      run = [];
    } else run.push({ at, value });
  }
  if (run.length > 0) runs.push(run);
  return runs;
}

/** Relative whole steps: half the bytes of coordinates. Points on a level stretch are left out. */
function toPath(points: (readonly [number, number])[]): string {
  const [first] = points;
  if (first === undefined) return '';
  let [x, y] = first;
  let path = `M${x} ${y}`;
  for (const [index, [nextX, nextY]] of points.entries()) {
    if (index === 0 || (nextY === y && points[index + 1]?.[1] === y)) continue;
    path += `l${nextX - x} ${nextY - y}`;
    x = nextX;
    y = nextY;
  }
  // a path of one point is not drawn
  return points.length === 1 ? `${path}h1` : path;
}

/** From the sample before the first unavailable one to the last: a sample covers the time since the one before. */
function bands(away: Point[]): [number, number][] {
  const found: [number, number][] = [];
  for (const [index, { at, value }] of away.entries()) {
    if (value !== 1) continue;
    const before = away[index - 1];
    const open = found.at(-1);
    if (open !== undefined && before !== undefined && open[1] === before.at) open[1] = at;
    else found.push([before?.at ?? at, at]);
  }
  return found;
}

function timeLabels({ from, to }: TimeWindow): string[] {
  const minutes = Math.round((to - from) / 60_000);
  return Array.from({ length: minutes + 1 }, (_, index) => {
    const ago = minutes - index;
    if (ago === 0) return 'now';
    return index === 0 ? `${ago} min ago` : `−${ago}`;
  });
}
