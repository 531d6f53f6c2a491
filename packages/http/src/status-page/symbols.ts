import type { Tone } from './event-text.ts';
import { type Html, html } from './html.ts';

/** A shape for every tone, so that nothing is conveyed by colour alone. */
const toneShapes: Record<Tone, Html> = {
  good: html`<circle class="disc" cx="8" cy="8" r="7"/><path class="ink" d="m4.8 8.3 2.3 2.3 4.2-4.8"/>`,
  notice: html`<path class="disc" d="M8 .8 15.2 8 8 15.2.8 8z"/><path class="ink" d="M8 4.6v4M8 11v.2"/>`,
  trouble: html`<path class="disc" d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z"/><path class="ink" d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8"/>`,
};

export function toneSymbol(tone: Tone): Html {
  return html`<svg class="symbol tone-${tone}" viewBox="0 0 16 16" aria-hidden="true">${toneShapes[tone]}</svg>`;
}

/** Full for the leader, half for a synchronous standby, empty for any other. */
export function roleSymbol(rank: 'leads' | 'confirms' | 'follows'): Html {
  const inside = {
    leads: 'M8 2v12a6 6 0 0 0 0-12zM8 2a6 6 0 0 0 0 12z',
    confirms: 'M8 2a6 6 0 0 0 0 12z',
    follows: '',
  };
  return html`<svg class="symbol role" viewBox="0 0 16 16" aria-hidden="true"><path class="fill" d="${inside[rank]}"/><circle class="ring" cx="8" cy="8" r="6"/></svg>`;
}
