// Keeps the open page up to date. It reads the stream of the active person's events, fetches the page again after each
// event, and changes only the parts marked `data-live` that differ. It never renews a token: an idle session must end.

import * as session from './session.js';
import { describe } from './api.js';
import { notify } from './notices.js';

const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
const LASTED_MS = 20_000;
// A comment comes every 15 seconds; a stream that is silent for longer has lost its connection.
const SILENCE_MS = 45_000;
const HIDDEN_MS = 60_000;
const SETTLE_MS = 300;
const RETRY_MS = 5000;

const NOTICED = new Set(['transaction.created', 'account.frozen', 'account.unfrozen', 'webhook_endpoint.disabled']);

const main = document.getElementById('main');
const own = new Set();
let follower = null;
let position = null;
let arrived = [];
let settling = null;
let isSettling = false;
let hiding = null;

export function start() {
  session.events.addEventListener('change', () => {
    if (follower?.person === session.current()) return;
    position = null;
    arrived = [];
    follow();
  });
  session.events.addEventListener('renewed', ({ detail }) => detail.person === session.current() && follow());
  window.addEventListener('online', () => follow());
  document.addEventListener('visibilitychange', hideOrReturn);
  document.addEventListener('bank:done', ({ detail }) => own.add(detail.id));
  // A list to which older rows were added no longer shows what the page shows at first.
  document.body.addEventListener('htmx:beforeSwap', ({ detail }) => {
    const { elt } = detail.requestConfig;
    if (elt.hasAttribute('data-continues')) elt.closest('[data-live]')?.removeAttribute('data-live');
  });
}

// A hidden page gives its connection back after a while: a browser opens only six to a server over HTTP/1.1.
function hideOrReturn() {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(stop, HIDDEN_MS);
  else if (!follower) follow();
}

function stop() {
  follower?.ended.abort();
  follower = null;
}

function follow() {
  stop();
  const person = session.current();
  // Staff look at the resources of customers, of which their stream tells nothing, and each look is audited.
  if (!person || session.isStaff(person) || document.hidden) return;
  follower = { person, ended: new AbortController() };
  keepReading(person, follower.ended.signal);
}

async function keepReading(person, signal) {
  for (let failures = 0; ;) {
    // An expired token waits for `renewed`.
    if (!session.isFresh(person)) return;
    const began = Date.now();
    const askedPause = await connect(person, signal).catch(() => 0);
    if (signal.aborted) return;
    failures = Date.now() - began > LASTED_MS ? 0 : failures + 1;
    const longest = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** failures);
    await sleep(Math.max(askedPause, longest * (0.5 + Math.random() / 2)), signal);
    if (signal.aborted) return;
  }
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    signal.addEventListener('abort', resolve, { once: true });
  });
}

/** Read the stream until it ends. Return how many milliseconds the server asks to wait before the next attempt. */
async function connect(person, signal) {
  const headers = { Accept: 'text/event-stream', Authorization: session.authorization(person), 'X-Device-Id': session.device };
  if (position !== null) headers['Last-Event-ID'] = position;
  const answer = await fetch('/v1/events/stream?after=latest', { headers, signal });
  if (!answer.ok) return refuse(person, answer);
  // What happened after the page was fetched and before the stream began is in neither of them.
  settleSoon();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const silence = setTimeout(() => reader.cancel(), SILENCE_MS);
    const { value, done } = await reader.read().finally(() => clearTimeout(silence));
    if (done || signal.aborted) return 0;
    const blocks = (text + value).split('\n\n');
    text = blocks.pop();
    blocks.forEach(take);
  }
}

async function refuse(person, answer) {
  const { code } = await describe(answer);
  if (code === 'token_expired') person.accessEndsAt = 0;
  else if (answer.status === 401) session.drop(person, 'Your session has ended. Please sign in again.');
  else if (answer.status === 410) position = null;
  // A proxy may send a date, which is no number.
  return (Number(answer.headers.get('Retry-After')) || 0) * 1000;
}

/** Take a block of server-sent events. The lines of this server are `name: value`. */
function take(block) {
  const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/)));
  if (fields.id) position = fields.id;
  if (!fields.data) return;
  arrived.push(JSON.parse(fields.data));
  settleSoon();
}

function settleSoon() {
  settling ??= setTimeout(settle, SETTLE_MS);
}

async function settle() {
  settling = null;
  // The answer to a form that is being sent tells which events are its own.
  if (isSettling || document.querySelector('[data-busy]')) return settleSoon();
  const events = arrived;
  arrived = [];
  isSettling = true;
  try {
    await Promise.all([refresh(), tell(events.filter((event) => NOTICED.has(event.type) && !isOwn(event, events)))]);
  } catch {
    setTimeout(settleSoon, RETRY_MS);
  } finally {
    isSettling = false;
  }
}

/** Tell whether an event comes from an action on this page, which has already told its outcome. */
function isOwn({ resource_id: id, data }, events) {
  if (own.has(id) || own.has(data.transfer_id)) return true;
  return data.type === 'card_purchase' && events.some((event) => event.type === 'authorization.captured' && own.has(event.resource_id));
}

async function tell(news) {
  if (!news.length) return;
  const text = await page(`/news?position=${news.at(-1).position}&more=${news.length - 1}`);
  if (text) notify(text);
}

/** Fetch the page again and change its live parts where they differ. Focus, scroll and open details stay. */
export async function refresh() {
  const parts = () => [...main.querySelectorAll('[data-live]')].filter((part) => !part.querySelector('[data-busy]'));
  if (!parts().length) return;
  const path = location.pathname + location.search;
  const text = await page(path.slice('/app'.length));
  if (!text || path !== location.pathname + location.search) return;
  const fetched = new DOMParser().parseFromString(text, 'text/html');
  for (const part of parts()) {
    const next = fetched.getElementById(part.id);
    if (!next || part.innerHTML === next.innerHTML) continue;
    Idiomorph.morph(part, next.innerHTML, { morphStyle: 'innerHTML', callbacks: { beforeAttributeUpdated: mayChange } });
    htmx.process(part);
  }
}

// Set by the page and not by the server: whether details are open, and that a row can have the focus.
const mayChange = (name, _, change) => !(change === 'remove' && (name === 'open' || name === 'tabindex'));

/** Return the text of a page, or null where there is none for this person now. Throws if another try may succeed. */
async function page(path) {
  const person = session.current();
  if (!person || !session.isFresh(person)) return null;
  const headers = { Authorization: session.authorization(person), 'X-Device-Id': session.device, 'X-Time-Zone': session.timeZone };
  const answer = await fetch(`/pages${path}`, { headers });
  if (answer.status >= 500) throw new Error('The page cannot be fetched now.');
  return answer.ok && person === session.current() ? answer.text() : null;
}
