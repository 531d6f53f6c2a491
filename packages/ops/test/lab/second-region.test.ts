import { afterAll, beforeAll } from 'vitest';
import { regionDrillSuite } from './region-drill.ts';
import { regionIsolatedSuite } from './region-isolated.ts';
import { regionLossSuite } from './region-loss.ts';
import { regionStandbySuite } from './region-standby.ts';
import { regionSwitchoverSuite } from './region-switchover.ts';
import { provideLab, type RunningLab } from './running-lab.ts';

/** One lab for all of it: booting is most of the time. */
let lab: RunningLab;
beforeAll(async () => {
  lab = await provideLab({ dr: 'with-api' });
});
afterAll(() => lab?.end());

regionDrillSuite(() => lab);
regionSwitchoverSuite(() => lab);
regionStandbySuite(() => lab);
regionLossSuite(() => lab);
regionIsolatedSuite(() => lab);
