/* The status page's script: fetches the rendered parts and replaces those that differ. Without it the page reloads. */

const everyMs = 1_000;
/** While the page is not visible. */
const hiddenEveryMs = 30_000;
/** A response takes milliseconds; after this the service counts as unavailable. */
const timeoutMs = 4_000;

const connection = document.getElementById('connection');
let lastAnswer = new Date();
let timer = 0;

function show(text) {
  const next = new DOMParser().parseFromString(text, 'text/html');
  for (const part of next.querySelectorAll('body > [id]')) {
    const shown = document.getElementById(part.id);
    // what has not changed stays: a selection, the focus, the place in a list
    if (shown !== null && shown.innerHTML !== part.innerHTML) shown.replaceChildren(...part.childNodes);
  }
  if (document.title !== next.title) document.title = next.title;
}

function report(state, text) {
  document.documentElement.dataset.connection = state;
  if (connection.textContent !== text) connection.textContent = text;
}

async function update() {
  clearTimeout(timer);
  try {
    const response = await fetch('/status/live', { cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.text());
    lastAnswer = new Date();
    report('live', 'live');
  } catch {
    report('lost', `not responding since ${lastAnswer.toISOString().slice(11, 19)} UTC`);
  }
  clearTimeout(timer);
  timer = setTimeout(update, document.hidden ? hiddenEveryMs : everyMs);
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) update();
});
update();
