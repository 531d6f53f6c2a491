import { afterAll, beforeAll } from 'vitest';
import { archiveDetachSuite } from './archive-detach.ts';
import { certificatesSuite } from './certificates.ts';
import { rotationSuite } from './rotation.ts';
import { provideLab, type RunningLab } from './running-lab.ts';

/** One lab for all of it: booting is most of the time. */
let lab: RunningLab;
beforeAll(async () => {
  lab = await provideLab();
});
afterAll(() => lab?.end());

archiveDetachSuite(() => lab);
rotationSuite(() => lab);
certificatesSuite(() => lab);
