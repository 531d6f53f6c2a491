import type { CompleteInput } from '../input.ts';
import { access, account } from './access.ts';
import type { Problem } from './check.ts';
import { connections, machines } from './machines.ts';
import { names, unknownSettings } from './names.ts';
import { bothRegions, region } from './regions.ts';
import { backups, timing } from './timing.ts';

/** Everything wrong with a complete input; empty when it is sound. */
export function findProblems(input: CompleteInput): readonly Problem[] {
  return [
    ...unknownSettings(input),
    ...names(input),
    ...region('primary', input.primary, { postgres: [2, 3], etcd: [3, 5] }),
    ...(input.dr === null ? [] : region('dr', input.dr, { postgres: [1, 2, 3], etcd: [1, 3, 5] })),
    ...bothRegions(input),
    ...machines(input),
    ...connections(input),
    ...timing(input),
    ...backups(input),
    ...access(input),
    ...account(input),
  ].filter((problem) => problem !== null);
}
