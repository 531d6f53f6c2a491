/** A vertical axis: equally spaced ticks from the bottom up, and where a value lies between them (0 bottom, 1 top). */
export interface Scale {
  ticks: number[];
  place(value: number): number;
}

/** More would crowd a chart of this height. */
const maxIntervals = 4;

/** From zero to a round number at or above `highest` and at least `floor`, in steps of 1, 2 or 5 times a power of ten. */
export function decimalScale(highest: number, floor: number): Scale {
  return linear(Math.max(highest, floor), (enough) => {
    const power = 10 ** Math.floor(Math.log10(enough));
    return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= enough) ?? 10 * power;
  });
}

/** The same in powers of two, for bytes. */
export function binaryScale(highest: number, floor: number): Scale {
  return linear(Math.max(highest, floor), (enough) => 2 ** Math.ceil(Math.log2(enough)));
}

function linear(highest: number, roundUp: (step: number) => number): Scale {
  const step = roundUp(highest / maxIntervals);
  const intervals = Math.max(1, Math.ceil(highest / step - 1e-9));
  const top = step * intervals;
  return {
    ticks: Array.from({ length: intervals + 1 }, (_, index) => index * step),
    place: (value) => clamp(value / top),
  };
}

/** Whole decades from `bottom` to at least `floor` and `highest`; what lies below the bottom is drawn on it. */
export function decadeScale(highest: number, bottom: number, floor: number): Scale {
  const first = Math.round(Math.log10(bottom));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(highest, floor)) - 1e-9));
  return {
    ticks: Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index)),
    place: (value) => (value <= 0 ? 0 : clamp((Math.log10(value) - first) / (last - first))),
  };
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
