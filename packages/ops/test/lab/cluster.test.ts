import { afterAll, beforeAll } from 'vitest';
import { bootSuite } from './boot.ts';
import { canarySuite } from './canary.ts';
import { driftSuite } from './drift.ts';
import { failoverSuite } from './failover.ts';
import { rebootSuite } from './reboot.ts';
import { redeploySuite } from './redeploy.ts';
import { provideLab, type RunningLab } from './running-lab.ts';

/** One lab for all of it: booting is most of the time. */
let lab: RunningLab;
beforeAll(async () => {
  lab = await provideLab();
});
afterAll(() => lab?.end());

bootSuite(() => lab);
canarySuite(() => lab);
driftSuite(() => lab);
redeploySuite(() => lab);
failoverSuite(() => lab);
rebootSuite(() => lab);
