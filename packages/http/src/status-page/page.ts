import { renderCharts, renderFigures } from './charts-section.ts';
import { renderEvents, renderMembers } from './cluster-section.ts';
import { awaited, describeEvent, type Requests } from './event-text.ts';
import { formatClock } from './figures.ts';
import { Html, html } from './html.ts';
import type { Snapshot } from './sampler.ts';
import { renderBackups, renderDatabase } from './storage-section.ts';
import { toneSymbol } from './symbols.ts';
import { judge } from './verdict.ts';

/** What does not change while the service runs. */
export interface PageFrame {
  requests: Requests;
  version: string;
  /** The page's own stylesheet and script; they stand in it, each under its nonce. */
  style: string;
  script: string;
}

/** What changes: the inside of the element of that id. */
export interface LiveParts {
  title: string;
  parts: Record<PartId, Html>;
}

type PartId = 'clock' | 'news' | 'verdict' | 'members' | 'events' | 'charts' | 'figures' | 'backups' | 'database';

/** Seconds between reloads where there is no script. */
const reloadSeconds = 5;

export function renderParts(snapshot: Snapshot, requests: Requests): LiveParts {
  const { tone, title, detail } = judge(snapshot, requests);
  const [newest] = snapshot.events;
  const news = newest === undefined ? '' : `${describeEvent(newest, requests).text}.`;
  return {
    title: `${title} · ${serviceName(requests)}`,
    parts: {
      clock: html`<time datetime="${new Date(snapshot.at).toISOString()}">${formatClock(snapshot.at)}</time> UTC`,
      news: html`${title}. ${news}`,
      verdict: html`<div class="verdict tone-${tone}">${toneSymbol(tone)}<div><h2>${title}</h2><p>${detail}</p></div></div>`,
      members: renderMembers(snapshot),
      events: renderEvents(snapshot, requests),
      charts: renderCharts(snapshot, requests),
      figures: renderFigures(snapshot),
      backups: renderBackups(snapshot),
      database: renderDatabase(snapshot),
    },
  };
}

/** The parts alone, for the page's script. */
export function renderFragment({ title, parts }: LiveParts): string {
  const elements = Object.entries(parts).map(
    ([id, part]) => html`<div id="${id}">${part}</div>
`,
  );
  return html`<!doctype html><title>${title}</title>
${elements}`.text;
}

/** The whole page, complete without its script. */
export function renderPage(
  { requests, version, style, script }: PageFrame,
  { title, parts }: LiveParts,
  nonces: { script: string; style: string },
): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<noscript><meta http-equiv="refresh" content="${reloadSeconds}"></noscript>
<link rel="icon" href="${icon}">
<style nonce="${nonces.style}">${new Html(style)}</style>
</head>
<body>
<header>
<h1>${new Html(mark)}${serviceName(requests)}</h1>
<p class="connection" id="connection" role="status"><noscript>reloads every ${reloadSeconds} s</noscript></p>
<p class="clock" id="clock">${parts.clock}</p>
</header>
<main>
<p id="news" class="unseen" role="status">${parts.news}</p>
<section class="state" aria-label="State" id="verdict">${parts.verdict}</section>
<section class="panel members" aria-label="Members" id="members">${parts.members}</section>
<section class="panel happenings" aria-labelledby="events-title">
<h2 id="events-title">Events</h2><p class="about">Newest first, times in UTC</p>
<ol class="events" id="events" tabindex="0" aria-labelledby="events-title">${parts.events}</ol>
</section>
<section class="charts" aria-label="The last five minutes" id="charts">${parts.charts}</section>
<p class="legend"><span class="key key-mark">primary changed</span> <span class="key key-away">no ${awaited(requests)}: ${requests} queued</span></p>
<section class="panel backups" aria-label="Backups" id="backups">${parts.backups}</section>
<section class="panel database" aria-label="Database" id="database">${parts.database}</section>
<details class="panel figures"><summary>The last five minutes as a table</summary>
<div class="figures-table" id="figures" tabindex="0" role="region" aria-label="The last five minutes">${parts.figures}</div>
</details>
</main>
<footer><p>pgha ${version}</p><nav aria-label="Other pages">${links.map(
    ([path, text]) => html`<a href="${path}">${text}</a>
`,
  )}</nav></footer>
<script nonce="${nonces.script}" type="module">${new Html(script)}</script>
</body>
</html>
`.text;
}

function serviceName(requests: Requests): string {
  return requests === 'writes' ? 'pgha write API' : 'pgha read API';
}

const links = [
  ['/docs', 'API documentation'],
  ['/ready', 'Readiness'],
  ['/stats', 'Statistics'],
  ['/cluster', 'Cluster'],
  ['/backups', 'Backups'],
  ['/metrics', 'Metrics'],
] as const;

/** A pair of halves, one full: a primary and its replica. */
const shapes =
  '<circle cx="8" cy="8" r="6" fill="none" stroke-width="2"/><path stroke="none" d="M8 2a6 6 0 0 0 0 12z"/>';
const mark = `<svg class="mark-of-product" viewBox="0 0 16 16" aria-hidden="true">${shapes}</svg>`;
/** Without an icon the browser asks for /favicon.ico. */
const icon = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="#4a6fd0" stroke="#4a6fd0">${shapes}</svg>`,
)}`;
