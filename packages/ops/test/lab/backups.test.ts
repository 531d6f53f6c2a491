import { afterAll, beforeAll } from 'vitest';
import { backupSuite } from './backup.ts';
import { restoreInPlaceSuite } from './restore-in-place.ts';
import { restoreScratchSuite } from './restore-scratch.ts';
import { weeklyRestoreTestSuite } from './restore-test-weekly.ts';
import { restoreTimeSuite } from './restore-time.ts';
import { provideLab, type RunningLab } from './running-lab.ts';

/** One lab for all of it: booting is most of the time. */
let lab: RunningLab;
beforeAll(async () => {
  lab = await provideLab();
});
afterAll(() => lab?.end());

backupSuite(() => lab);
weeklyRestoreTestSuite(() => lab);
restoreScratchSuite(() => lab);
restoreInPlaceSuite(() => lab);
restoreTimeSuite(() => lab);
