import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Chart, renderChart } from './chart.ts';
import { formatCount } from './figures.ts';
import type { Point } from './history.ts';
import { decimalScale } from './scale.ts';

const chart = (points: Point[], over: Partial<Chart> = {}): string =>
  renderChart({
    label: 'Requests',
    series: [{ style: 'main', points }],
    scale: decimalScale(10, 10),
    formatTick: formatCount,
    marks: [],
    away: [],
    window: { from: 0, to: 10_000 },
    ...over,
  }).text;

const pathOf = (text: string, style: string): string =>
  new RegExp(`class="${style}" d="([^"]*)"`).exec(text)?.[1] ?? '';

/** The corners of a path of relative lines. */
function corners(path: string): [number, number][][] {
  return path
    .split('M')
    .slice(1)
    .map((run) => {
      const [x = 0, y = 0, ...steps] = (run.match(/-?\d+/g) ?? []).map(Number);
      const found: [number, number][] = [[x, y]];
      for (let index = 0; index + 1 < steps.length; index += 2) {
        const [lastX, lastY] = found.at(-1) ?? [0, 0];
        found.push([lastX + (steps[index] ?? 0), lastY + (steps[index + 1] ?? 0)]);
      }
      return found;
    });
}

describe('a chart', () => {
  it('draws a line from the lower left to the upper right', () => {
    const text = chart([
      { at: 0, value: 0 },
      { at: 10_000, value: 10 },
    ]);
    expect(pathOf(text, 'line line-main')).toBe('M0 250l1000 -250');
  });

  it('leaves a gap where nothing is known', () => {
    const text = chart([
      { at: 0, value: 0 },
      { at: 1_000, value: 0 },
      { at: 2_000, value: null },
      { at: 3_000, value: 5 },
    ]);
    expect(pathOf(text, 'line line-main')).toBe('M0 250l100 0M300 125h1');
  });

  it('marks moments and shades the times when nobody was there', () => {
    const away = [0, 1, 1, 0, 1].map((value, index) => ({ at: index * 1_000, value }));
    const text = chart([], { marks: [2_500], away });
    expect(pathOf(text, 'mark')).toBe('M250 0v250');
    expect(
      [...text.matchAll(/<rect class="away" x="(\d+)" y="0" width="(\d+)"/g)].map(([, x, width]) => [x, width]),
    ).toEqual([
      ['0', '200'],
      ['300', '100'],
    ]);
  });

  it('labels its axes from the top down and from the past to now', () => {
    const text = chart([], { window: { from: 0, to: 120_000 } });
    expect([...text.matchAll(/<li>([^<]*)<\/li>/g)].map(([, label]) => label)).toEqual([
      '10',
      '5',
      '0',
      '2 min ago',
      '−1',
      'now',
    ]);
    expect(text).toContain('role="img" aria-label="Requests"');
  });

  it('passes through every value it was given, to the nearest unit', () => {
    const values = fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(values, (each) => {
        const points = each.map((value, index) => ({ at: index * 200, value }));
        const [run = []] = corners(pathOf(chart(points), 'line line-main'));
        for (const { at, value } of points) {
          const x = at / 10;
          const after = run.findIndex(([cornerX]) => cornerX >= x);
          const [rightX, rightY] = run[after] ?? [Number.NaN, Number.NaN];
          const [leftX, leftY] = run[Math.max(0, after - 1)] ?? [Number.NaN, Number.NaN];
          const y = rightX === leftX ? rightY : leftY + ((rightY - leftY) * (x - leftX)) / (rightX - leftX);
          expect(y).toBeCloseTo(250 - value * 25, 6);
        }
      }),
    );
  });
});
