/**
 * The value below which a share `q` of the observations lies, linearly within its bucket, as Prometheus'
 * histogram_quantile() has it. `counts` are by upper bound, not cumulative; the last bound may be infinite, and then the
 * one before it is all that is known. Null when nothing was observed.
 */
export function quantile(q: number, counts: number[], bounds: number[]): number | null {
  let total = 0;
  for (const count of counts) total += count;
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const lower = index === 0 ? 0 : (bounds[index - 1] ?? 0);
      const upper = bounds[index] ?? Number.POSITIVE_INFINITY;
      if (!Number.isFinite(upper)) return lower;
      // rounding may carry the sum past the bound: 0.001 + 0.0015 is more than 0.0025
      return Math.min(upper, lower + ((upper - lower) * (rank - below)) / count);
    }
    below += count;
  }
  return null;
}
