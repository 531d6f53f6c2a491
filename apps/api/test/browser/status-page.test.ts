import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, startDatabase } from '../contract/fixture/database.ts';
import { type RunningService, type ServiceName, startService } from '../contract/fixture/service.ts';
import { launchBrowser, layoutShift, openPage } from './fixture/browser.ts';

const asBrowser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
/** The page asks every second, and without a script comes anew every five: this is for a busy machine. */
const soon = { timeout: 15_000 };
const services: ServiceName[] = ['api', 'read-api'];

let browser: Browser;
let database: Database;
const urls = {} as Record<ServiceName, string>;
const running: RunningService[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
  database = await startDatabase();
  await Promise.all(services.map(start));
});
afterAll(async () => {
  await browser?.close();
  await Promise.all(running.map((service) => service.stop()));
  await database?.stop();
});

async function start(name: ServiceName): Promise<void> {
  // this machine is a trusted proxy, so that a test can be a client from elsewhere
  const settings = { ...database.settings(name), TRUSTED_PROXIES: '127.0.0.1/32' };
  const service = await startService(name, { settings, onStart: (pid) => database.pair.guardProcess(pid) });
  running.push(service);
  urls[name] = service.url;
}

describe.each(services)('the status page of %s', (name) => {
  it('shows the members and four charts, and goes on by itself without a complaint', async () => {
    const { page, complaints } = await openPage(browser, urls[name]);
    const requests = name === 'api' ? 'writes' : 'reads';
    const healthy = name === 'api' ? 'Accepting writes' : 'Serving reads';
    await page.getByRole('heading', { name: healthy, exact: true }).waitFor();
    const members = page.getByRole('table').filter({ hasText: 'Members of pgha-embedded' });
    expect(await members.getByRole('columnheader').allTextContents()).toEqual([
      'Name',
      'Role',
      'State',
      'Timeline',
      'Lag',
    ]);
    const leader = members.getByRole('row').filter({ hasText: 'Leader' });
    expect(await leader.getByRole('rowheader').textContent()).toBe(database.pair.primary());
    await members.getByRole('row').filter({ hasText: 'Sync Standby' }).filter({ hasText: '0 B' }).waitFor();
    for (const chart of ['Requests per second', 'Latency', 'Replication lag', `Queued ${requests}`]) {
      await page.getByRole('img', { name: new RegExp(`^${chart}`) }).waitFor();
    }
    await page.getByText('Backups', { exact: true }).first().waitFor();
    await page.getByText(name === 'api' ? 'Primary' : 'Replica', { exact: true }).waitFor();

    const clock = await page.locator('#clock').textContent();
    const line = page.locator('figure', { hasText: 'Replication lag' }).locator('path.line');
    const drawn = await line.getAttribute('d');
    await expect.poll(() => page.locator('#clock').textContent(), soon).not.toBe(clock);
    await expect.poll(() => line.getAttribute('d'), soon).not.toBe(drawn);
    expect(await page.locator('#connection').textContent()).toBe('live');
    expect(complaints).toEqual([]);
    expect(await layoutShift(page)).toBeLessThan(0.01);
    await page.context().close();
  });

  it('leaves open what the reader has opened', async () => {
    const { page } = await openPage(browser, urls[name]);
    await page.getByText('The last five minutes as a table').click();
    const rows = page.getByRole('table', { name: 'The last five minutes, newest first' }).getByRole('row');
    await rows.nth(1).waitFor();
    const newest = await rows.nth(1).getByRole('rowheader').textContent();
    await expect.poll(() => rows.nth(1).getByRole('rowheader').textContent(), soon).not.toBe(newest);
    await page.context().close();
  });

  it.each([390, 320])('does not scroll sideways at %i pixels', async (width) => {
    const { page } = await openPage(browser, urls[name], { viewport: { width, height: 844 }, isMobile: true });
    await page.getByText('The last five minutes as a table').click();
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(width);
    const outside = `[...document.querySelectorAll('main *')].filter((each) => !each.closest('.figures-table, .unseen') && each.getBoundingClientRect().right > ${width}).map((each) => each.outerHTML.slice(0, 80))`;
    expect(await page.evaluate<string[]>(outside)).toEqual([]);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('is legible where the reader prefers %s', async (colorScheme) => {
    const { page } = await openPage(browser, urls[name], { colorScheme });
    await page.getByRole('heading', { name: /^(Accepting writes|Serving reads)$/ }).waitFor();
    const contrast = readFileSync(new URL('fixture/contrast.js', import.meta.url), 'utf8').replace(/;\s*$/, '');
    // WCAG 2.2, 1.4.3, level AA for text of any size
    expect(await page.evaluate<string[]>(`(${contrast})(4.5)`)).toEqual([]);
    const background = await page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    const [red = 0] = (background.match(/\d+/g) ?? []).map(Number);
    expect(red < 128).toBe(colorScheme === 'dark');
    await page.context().close();
  });

  it('works without JavaScript, and comes anew by itself', async () => {
    const { page, complaints } = await openPage(browser, urls[name], { javaScriptEnabled: false });
    await page.getByRole('heading', { name: /^(Accepting writes|Serving reads)$/ }).waitFor();
    await page.getByRole('row').filter({ hasText: 'Leader' }).waitFor();
    expect(await page.locator('svg.plot').count()).toBe(4);
    const note = page.locator('#connection noscript');
    await note.waitFor();
    expect(await note.textContent()).toBe('reloads every 5 s');
    const clock = await page.locator('#clock').textContent();
    await expect.poll(() => page.locator('#clock').textContent(), soon).not.toBe(clock);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('is the list of entry points as JSON for everybody else', async () => {
    const entryPoints = {
      message: name === 'api' ? 'pgha write service' : 'pgha read service',
      docs: '/docs',
      health: '/health',
      ready: '/ready',
    };
    const outside = { 'x-forwarded-for': '203.0.113.7' };
    for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }, { ...asBrowser, ...outside }]) {
      const answer = await fetch(urls[name], { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(await answer.json()).toEqual(entryPoints);
    }
    const page = await fetch(urls[name], { headers: asBrowser });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('vary')).toBe('accept');
    const parts = await fetch(`${urls[name]}/status/live`, { headers: outside });
    expect(parts.status).toBe(403);
    expect(parts.headers.get('content-type')).toContain('application/problem+json');
  });

  it('allows nothing but itself, under a nonce of its own each time', async () => {
    const policies = [];
    for (const answer of [
      await fetch(urls[name], { headers: asBrowser }),
      await fetch(urls[name], { headers: asBrowser }),
    ]) {
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(
        /^default-src 'none';script-src 'nonce-\w{32}';style-src 'nonce-\w{32}';connect-src 'self';img-src data:;base-uri 'none';form-action 'none';frame-ancestors 'none'$/,
      );
      policies.push(policy);
    }
    expect(policies[0]).not.toBe(policies[1]);
  });
});

describe.each(services)('the documentation of %s', (name) => {
  it('is shown in the browser without a complaint', async () => {
    const { page, complaints } = await openPage(browser, `${urls[name]}/docs`);
    await page.getByText('/items/{id}').first().waitFor();
    const first = page.locator('.opblock').filter({ hasText: '/health' });
    await first.locator('.opblock-summary-control').click();
    await first.getByRole('button', { name: 'Try it out' }).click();
    await first.getByRole('button', { name: 'Execute' }).click();
    await first.locator('.live-responses-table').getByText('"healthy"').waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('has a name of its own and fits a phone', async () => {
    const phone = { viewport: { width: 390, height: 844 }, isMobile: true };
    const { page, complaints } = await openPage(browser, `${urls[name]}/docs`, phone);
    await page.getByText('/items/{id}').first().waitFor();
    expect(await page.title()).toBe(name === 'api' ? 'pgha write API' : 'pgha read API');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('tells of both forms of the first page', async () => {
    const document = (await (await fetch(`${urls[name]}/openapi.json`)).json()) as {
      paths: Record<string, { get: { responses: Record<string, { content: object }> } }>;
    };
    const content = document.paths['/']?.get.responses['200']?.content ?? {};
    expect(Object.keys(content)).toEqual(['application/json', 'text/html']);
  });
});
