import type { ClusterView } from '../cluster.ts';
import { isUp } from './cluster-events.ts';
import { describeEvent, type Requests } from './event-text.ts';
import { formatBytes, formatClock } from './figures.ts';
import { type Html, html } from './html.ts';
import type { Snapshot } from './sampler.ts';
import { roleSymbol, toneSymbol } from './symbols.ts';

type Member = ClusterView['members'][number];

/** As `patronictl list` prints them. */
const roleNames: Record<string, string> = {
  leader: 'Leader',
  standby_leader: 'Standby Leader',
  sync_standby: 'Sync Standby',
  quorum_standby: 'Quorum Standby',
  replica: 'Replica',
};

/** The members as a table; while no Patroni member responds, their last known state. */
export function renderMembers({
  cluster,
  clusterIsConfigured,
}: Pick<Snapshot, 'cluster' | 'clusterIsConfigured'>): Html {
  const { value, at, isStale } = cluster;
  const note = !clusterIsConfigured
    ? 'Not configured: set PATRONI_URLS.'
    : isStale
      ? `No Patroni member responds${at === null ? '' : `; last known state, ${formatClock(at)} UTC`}.`
      : value === null
        ? 'Not read yet.'
        : value.leader === null
          ? 'There is no primary.'
          : `Synchronous replication is ${value.synchronous ? 'on' : 'off'}.`;
  const scope = value === null ? null : html` of <b>${value.scope}</b>`;
  return html`<table class="roster">
<caption><h2>Members${scope}</h2><p>${note}</p></caption>
<thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">State</th><th scope="col" class="number">Timeline</th><th scope="col" class="number">Lag</th></tr></thead>
<tbody>${(value?.members ?? []).map((member) => renderMember(member, value?.leader === member.name))}</tbody>
</table>`;
}

function renderMember({ name, role, state, timeline, lag }: Member, leads: boolean): Html {
  const rank = leads ? 'leads' : /^(sync|quorum)_standby$/.test(role) ? 'confirms' : 'follows';
  return html`<tr class="${isUp(state) ? 'up' : 'down'}"><th scope="row">${name}</th>
<td><span class="with-symbol">${roleSymbol(rank)}<span>${roleNames[role] ?? role}</span></span></td>
<td><span class="with-symbol">${toneSymbol(isUp(state) ? 'good' : 'notice')}<span>${state}</span></span></td>
<td class="number">${timeline ?? '–'}</td>
<td class="number">${leads ? '–' : lag === null ? 'unknown' : formatBytes(lag)}</td></tr>
`;
}

/** The events, newest first. */
export function renderEvents({ events, since }: Pick<Snapshot, 'events' | 'since'>, requests: Requests): Html {
  const lines = events.map((event) => {
    const { tone, text } = describeEvent(event, requests);
    return html`<li><time datetime="${new Date(event.at).toISOString()}">${formatClock(event.at)}</time>${toneSymbol(tone)}<span>${text}</span></li>
`;
  });
  return html`${lines}<li class="quiet"><time datetime="${new Date(since).toISOString()}">${formatClock(since)}</time><span>Service started; earlier events are not recorded</span></li>`;
}
