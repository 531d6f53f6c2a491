import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, startDatabase } from '../contract/fixture/database.ts';
import { type RunningService, startService } from '../contract/fixture/service.ts';
import { launchBrowser, layoutShift, openPage, type WatchedPage } from './fixture/browser.ts';

/** Long enough for a person, and this test, to see that writes are held. */
const withoutLeaderMs = 5_000;
/** From the kill to the first sight of it: a reading of the members, a question of the page, and a busy machine. */
const soon = { timeout: 15_000 };
/** Until the old primary has been rebuilt and follows. */
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

/** A write every 50 ms until stopped; the status of each answer. */
function startLoad(url: string): { stop(): Promise<number[]> } {
  const statuses: Promise<number>[] = [];
  let isStopped = false;
  const loop = (async () => {
    while (!isStopped) {
      const body = JSON.stringify({ name: `item ${statuses.length}`, price: 1 });
      statuses.push(
        fetch(`${url}/items`, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).then(
          async (answer) => {
            await answer.arrayBuffer();
            return answer.status;
          },
        ),
      );
      await delay(50);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await loop;
      return Promise.all(statuses);
    },
  };
}

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
    const load = startLoad(writes.url);
    try {
      for (const page of [first, second]) {
        await leaderRow(page).filter({ hasText: before }).waitFor();
        await page.evaluate('globalThis.isSamePage = true');
      }
      await expect.poll(() => chart(first, 'Requests a second').getAttribute('aria-label'), soon).toMatch(/now [1-9]/);

      database.pair.promoteAfter(withoutLeaderMs);
      database.pair.killPrimary();
      await first.getByRole('heading', { name: 'Holding writes until a leader answers' }).waitFor(soon);
      await first.getByText(/There is no leader\. [1-9]\d* held for .* s; none has failed\./).waitFor(soon);
      await event(first, `${before} no longer leads; there is no leader`).waitFor(soon);
      expect(await first.title()).toBe('Holding writes until a leader answers · pgha write service');
      expect(await leaderRow(first).count()).toBe(0);

      for (const page of [first, second]) {
        await leaderRow(page).filter({ hasText: after }).waitFor(soon);
        await event(page, `Leader changed from ${before} to ${after}`).waitFor(soon);
        await event(page, /Timeline \d+ → \d+/).waitFor(soon);
      }
      await event(first, /Writes flow again: held for .* s, [1-9]\d* at most, no request failed/).waitFor(soon);

      await first.getByRole('heading', { name: 'Serving writes', exact: true }).waitFor(healed);
      await first.getByText(`${after} leads, and ${before} confirms every commit.`).waitFor(healed);
      await second.getByText(new RegExp(`${before} follows ${after}`)).waitFor(healed);
      await event(first, 'Synchronous replication is back').waitFor(healed);
    } finally {
      const statuses = await load.stop();
      expect(statuses.length).toBeGreaterThan(50);
      expect(new Set(statuses)).toEqual(new Set([201]));
    }

    for (const title of ['Requests a second', 'Latency', 'Replication lag', 'Held writes']) {
      const drawing = chart(first, title);
      expect(await drawing.locator('rect.away').count()).toBeGreaterThan(0);
      expect(await drawing.locator('path.mark').getAttribute('d')).toMatch(/^M\d+ 0v250$/);
      const line = drawing.locator('path.line').last();
      const drawn = await line.getAttribute('d');
      await expect.poll(() => line.getAttribute('d'), soon).not.toBe(drawn);
    }
    expect(await chart(first, 'Held writes').getAttribute('aria-label')).toMatch(/at most [1-9]/);
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
    await page.getByRole('heading', { name: 'The database does not answer' }).waitFor();
    await page.locator('#members').getByText('Cannot be read now').waitFor();
    await page.locator('#database').getByText('It does not answer.').waitFor();
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
    await expect.poll(() => connection.textContent(), soon).toMatch(/^no answer since \d\d:\d\d:\d\d UTC$/);
    await leaderRow(page).waitFor();
    const again = await startService('read-api', {
      settings: { ...settings, PORT: String(service.port) },
      onStart: (pid) => database.pair.guardProcess(pid),
    });
    await expect.poll(() => connection.textContent(), soon).toBe('live');
    await again.stop();
  });
});
