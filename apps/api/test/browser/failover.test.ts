import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, startDatabase } from '../contract/fixture/database.ts';
import { type RunningService, startService } from '../contract/fixture/service.ts';
import { launchBrowser, layoutShift, openPage, type WatchedPage } from './fixture/browser.ts';
import { startLoad } from './fixture/load.ts';

/** Long enough for a person, and this test, to see that writes are queued. */
const withoutLeaderMs = 5_000;
/** From the kill to the first sight of it: a reading of the members, a question of the page, and a busy machine. */
const soon = { timeout: 15_000 };
/** Until the former primary has been rebuilt as the replica. */
const healed = { timeout: 60_000 };

let browser: Browser;
let database: Database;
let writes: RunningService;
let reads: RunningService;

beforeAll(async () => {
  browser = await launchBrowser();
  database = await startDatabase();
  const start = (name: 'api' | 'read-api') =>
    startService(name, {
      settings: { ...database.settings(name) },
      onStart: (pid) => database.pair.guardProcess(pid),
    });
  [writes, reads] = await Promise.all([start('api'), start('read-api')]);
});
afterAll(async () => {
  await browser?.close();
  await Promise.all([writes?.stop(), reads?.stop()]);
  await database?.stop();
});

const leaderRow = (page: Page) =>
  page
    .locator('#members')
    .getByRole('row')
    .filter({ hasText: /Leader/ });
const event = (page: Page, text: string | RegExp) => page.locator('#events li').filter({ hasText: text });
const chart = (page: Page, title: string) => page.locator('figure').filter({ hasText: title }).locator('svg.plot');

describe('the status page during a failover', () => {
  it('shows it as it happens, on both services', async () => {
    const opened: WatchedPage[] = [await openPage(browser, writes.url), await openPage(browser, reads.url)];
    const [first, second] = opened.map(({ page }) => page) as [Page, Page];
    const before = database.pair.primary();
    const after = before === 'pg1' ? 'pg2' : 'pg1';
    const load = startLoad(writes.url, 50);
    try {
      for (const page of [first, second]) {
        await leaderRow(page).filter({ hasText: before }).waitFor();
        await page.evaluate('globalThis.isSamePage = true');
      }
      await expect
        .poll(() => chart(first, 'Requests per second').getAttribute('aria-label'), soon)
        .toMatch(/now [1-9]/);

      database.pair.promoteAfter(withoutLeaderMs);
      database.pair.killPrimary();
      await first.getByRole('heading', { name: 'Writes queued: waiting for a primary' }).waitFor(soon);
      await first.getByText(/There is no primary\. [1-9]\d* queued for .* s; none failed\./).waitFor(soon);
      await event(first, `No primary: ${before} is no longer the leader`).waitFor(soon);
      expect(await first.title()).toBe('Writes queued: waiting for a primary · pgha write API');
      expect(await leaderRow(first).count()).toBe(0);

      for (const page of [first, second]) {
        await leaderRow(page).filter({ hasText: after }).waitFor(soon);
        await event(page, `Primary changed from ${before} to ${after}`).waitFor(soon);
        await event(page, /Timeline \d+ → \d+/).waitFor(soon);
      }
      await event(first, /Writes resumed after .* s: at most [1-9]\d* queued, no request failed/).waitFor(soon);

      await first.getByRole('heading', { name: 'Accepting writes', exact: true }).waitFor(healed);
      await first.getByText(`Primary ${after}; synchronous standby ${before}.`).waitFor(healed);
      await second.getByText(new RegExp(`${before} replicates from ${after}`)).waitFor(healed);
      await event(first, 'Synchronous replication restored').waitFor(healed);
    } finally {
      const statuses = await load.stop();
      expect(statuses.length).toBeGreaterThan(50);
      expect(new Set(statuses)).toEqual(new Set([201]));
    }

    for (const title of ['Requests per second', 'Latency', 'Replication lag', 'Queued writes']) {
      const drawing = chart(first, title);
      expect(await drawing.locator('rect.away').count()).toBeGreaterThan(0);
      expect(await drawing.locator('path.mark').getAttribute('d')).toMatch(/^M\d+ 0v250$/);
      const line = drawing.locator('path.line').last();
      const drawn = await line.getAttribute('d');
      await expect.poll(() => line.getAttribute('d'), soon).not.toBe(drawn);
    }
    expect(await chart(first, 'Queued writes').getAttribute('aria-label')).toMatch(/at most [1-9]/);
    for (const { page, complaints } of opened) {
      expect(await page.evaluate('globalThis.isSamePage')).toBe(true);
      expect(complaints).toEqual([]);
      expect(await layoutShift(page)).toBeLessThan(0.01);
    }
  });
});

describe('the status page without a database', () => {
  it('is there, says so, and never answers 5xx', async () => {
    const nobody = { DB_PORT: '1', PATRONI_URLS: 'http://127.0.0.1:1' };
    const settings = { ...database.settings('api'), ...nobody };
    const service = await startService(
      'api',
      { settings, onStart: (pid) => database.pair.guardProcess(pid) },
      { ready: false },
    );
    const { page, complaints } = await openPage(browser, service.url);
    await page.getByRole('heading', { name: 'Database not responding' }).waitFor();
    await page.locator('#members').getByText('No Patroni member responds').waitFor();
    await page.locator('#database').getByText('Not responding.').waitFor();
    const clock = await page.locator('#clock').textContent();
    await expect.poll(() => page.locator('#clock').textContent(), soon).not.toBe(clock);
    expect(complaints).toEqual([]);
    await service.stop();
  });
});

describe('the status page while its service is away', () => {
  it('says so, keeps the last figures, and goes on when the service is back', async () => {
    const settings = { ...database.settings('read-api') };
    const service = await startService('read-api', { settings, onStart: (pid) => database.pair.guardProcess(pid) });
    const { page } = await openPage(browser, service.url);
    const connection = page.locator('#connection');
    await expect.poll(() => connection.textContent(), soon).toBe('live');
    await service.stop();
    await expect.poll(() => connection.textContent(), soon).toMatch(/^not responding since \d\d:\d\d:\d\d UTC$/);
    await leaderRow(page).waitFor();
    const again = await startService('read-api', {
      settings: { ...settings, PORT: String(service.port) },
      onStart: (pid) => database.pair.guardProcess(pid),
    });
    await expect.poll(() => connection.textContent(), soon).toBe('live');
    await again.stop();
  });
});
