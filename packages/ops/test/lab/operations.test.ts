import { afterAll, beforeAll } from 'vitest';
import { operationsSuite } from './operations.ts';
import { provideLab, type RunningLab } from './running-lab.ts';

/** One lab for all of it: booting is most of the time. */
let lab: RunningLab;
beforeAll(async () => {
  lab = await provideLab();
});
afterAll(() => lab?.end());

operationsSuite(() => lab);
