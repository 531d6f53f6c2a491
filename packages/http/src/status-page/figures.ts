const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** "0 B", "512 B", "1.5 MiB": three digits at most. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.5 would be rounded to 1024
  while (value >= 1023.5 && unit < binaryUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : short(value)} ${binaryUnits[unit]}`;
}

/** "0.35 ms", "12 ms", "1.2 s", "2 min 5 s", "3 h 4 min", "2 d 5 h". */
export function formatDuration(seconds: number): string {
  if (seconds < 0.9995) return `${short(seconds * 1000)} ms`;
  if (seconds < 59.5) return `${short(seconds)} s`;
  if (seconds < 3_600) return inTwo(Math.round(seconds), 60, 'min', 's');
  if (seconds < 86_400) return inTwo(Math.round(seconds / 60), 60, 'h', 'min');
  return inTwo(Math.round(seconds / 3_600), 24, 'd', 'h');
}

/** "0", "0.4", "12", "12,400". */
export function formatCount(value: number): string {
  if (value === 0) return '0';
  if (value < 9.95) return value.toFixed(1).replace(/\.0$/, '');
  return Math.round(value).toLocaleString('en-US');
}

/** "14:03:22", in UTC; the page says so once. */
export function formatClock(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 19);
}

/** "2026-11-22", in UTC. */
export function formatDate(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

function short(value: number): string {
  if (value >= 9.95) return String(Math.round(value));
  // without the zeros at the end
  return String(Number(value.toFixed(value >= 0.995 ? 1 : 2)));
}

function inTwo(total: number, base: number, large: string, small: string): string {
  const rest = total % base;
  const head = `${Math.floor(total / base)} ${large}`;
  return rest === 0 ? head : `${head} ${rest} ${small}`;
}
