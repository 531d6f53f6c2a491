/**
 * Writes a screenshot of the write API's status page while the primary is down and writes are queued:
 * `pnpm screenshot docs/images/status-page-failover.png`. Needs Chromium, as the browser tests do.
 */
import { parseArgs } from 'node:util';
import { startDatabase } from '../contract/fixture/database.ts';
import { startService } from '../contract/fixture/service.ts';
import { launchBrowser, openPage } from './fixture/browser.ts';
import { startLoad } from './fixture/load.ts';

/** The charts show five minutes: most of them, so that the failover has something to be compared with. */
const loadBeforeMs = 200_000;
/** Between two writes: a rate that also a busy computer keeps up. */
const everyMs = 40;
/** Until the replica is promoted: the picture is taken before that. */
const withoutPrimaryMs = 12_000;
/** From the kill until the chart shows queued writes: a second, and a busy computer. */
const soonMs = 15_000;

const { positionals } = parseArgs({ allowPositionals: true });
const [file] = positionals;
if (file === undefined) {
  process.stderr.write('usage: pnpm screenshot FILE.png\n');
  process.exit(2);
}

const browser = await launchBrowser();
const database = await startDatabase();
const { pair } = database;
const service = await startService('api', {
  settings: database.settings('api'),
  onStart: (pid) => pair.guardProcess(pid),
});
const { page } = await openPage(browser, service.url, {
  // down to the charts: what follows does not change in a failover
  viewport: { width: 1180, height: 960 },
  colorScheme: 'light',
});
const load = startLoad(service.url, everyMs);
process.stdout.write(`writes for ${loadBeforeMs / 1000} s, then the primary is killed\n`);
await page.waitForTimeout(loadBeforeMs);
pair.promoteAfter(withoutPrimaryMs);
pair.killPrimary();
await page.getByRole('heading', { name: 'Writes queued: waiting for a primary' }).waitFor({ timeout: soonMs });
await page.getByRole('img', { name: /^Queued writes: now [1-9]/ }).waitFor({ timeout: soonMs });
await page.screenshot({ path: file });
const statuses = await load.stop();
await browser.close();
await service.stop();
await database.stop();
const failed = statuses.filter((status) => status !== 201).length;
process.stdout.write(`${file}; ${statuses.length} writes, ${failed} failed\n`);
