// Pages: a link to /app/… requests the page of the same name, with the access token of the active person.

import * as session from './session.js';
import { fresh } from './ending.js';
import { describe, LOST } from './api.js';
import { explain, showProblem } from './problems.js';
import { toast } from './notices.js';

const PUBLIC = /^\/app\/sign-(in|up)$/;
const main = document.getElementById('main');
const askers = new WeakMap();
let wanted = null;

const home = () => (session.isStaff(session.current()) ? '/app/customers' : '/app/overview');
const here = () => location.pathname + location.search;
const isPublic = (path) => PUBLIC.test(path.split('?')[0]);
const remembered = () => ({ wasSignedIn: session.everybody().length > 0 });

/** Show the page `path`. `how` says what to do with the browser's address: push, replace or keep. */
export async function show(path, how = 'push') {
  if (!session.current() && !isPublic(path)) {
    wanted = path;
    return show('/app/sign-in', 'replace');
  }
  if (path === '/app' || path === '/app/') path = home();
  if (how === 'push' && path !== here()) history.pushState(remembered(), '', path);
  else if (how !== 'keep') history.replaceState(remembered(), '', path);
  document.querySelectorAll('[popover]:popover-open').forEach((menu) => menu.hidePopover());
  if (!isPublic(path)) {
    try {
      await fresh();
    } catch {
      return;
    }
  }
  htmx.ajax('GET', `/pages${path.slice('/app'.length)}`, { source: main, target: main, swap: 'innerHTML' });
}

export const again = () => show(here(), 'keep');

/** After a sign-in, show the page that was requested before it, or the home page. */
export function showWanted() {
  const path = wanted && !isPublic(wanted) ? wanted : home();
  wanted = null;
  return show(path, 'replace');
}

export function start() {
  main.setAttribute('hx-sync', 'this:replace');
  document.addEventListener('click', follow);
  window.addEventListener('popstate', () => show(here(), 'keep'));
  session.events.addEventListener('change', ({ detail }) => move(detail));
  const page = document.body;
  page.addEventListener('htmx:confirm', hold);
  page.addEventListener('htmx:configRequest', sign);
  page.addEventListener('htmx:beforeRequest', ({ detail }) => askers.set(detail.xhr, session.current()));
  page.addEventListener('htmx:beforeSwap', refuseForeign);
  page.addEventListener('htmx:afterSwap', arrive);
  page.addEventListener('htmx:responseError', ({ detail }) => fail(detail));
  page.addEventListener('htmx:sendError', ({ detail }) => place(detail, LOST));
}

function follow(event) {
  const link = event.target.closest('a[href^="/app"]');
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  show(link.getAttribute('href'));
}

function move({ why, left }) {
  if (session.current()) {
    if (left && why) toast(`\u2068${left.email}\u2069: ${why}`);
    if (left) show(home());
    return;
  }
  if (!left) return;
  main.dataset.why = why;
  show('/app/sign-in', 'replace');
}

// Hold a request of htmx until the access token is valid.
function hold(event) {
  const person = session.current();
  if (isPublic(event.detail.path.replace('/pages', '/app')) || (person && session.isFresh(person))) return;
  event.preventDefault();
  fresh().then(() => event.detail.issueRequest(true), () => {});
}

// The filter of a history is kept in the address, so that a reload, a link and the way back show the same.
function keepAddress(form) {
  const chosen = [...new FormData(form)].filter(([, value]) => value.trim() !== '');
  const query = new URLSearchParams(chosen).toString();
  history.replaceState(remembered(), '', form.dataset.keepsAddress + (query && `?${query}`));
}

function sign({ detail }) {
  const person = session.current();
  detail.headers['X-Device-Id'] = session.device;
  detail.headers['X-Time-Zone'] = session.timeZone;
  if (person) detail.headers.Authorization = session.authorization(person);
}

// Discard an answer that was requested for another person than the active one.
function refuseForeign({ detail }) {
  if (askers.get(detail.xhr) !== session.current()) detail.shouldSwap = false;
  const button = detail.requestConfig.elt;
  if (button.hasAttribute('data-continues')) main.lastBefore = button.previousElementSibling;
}

function arrive({ detail }) {
  if (detail.target === main) return open();
  detail.target.querySelector('[aria-invalid="true"], [data-focus]')?.focus();
  const form = detail.requestConfig.elt.closest?.('form');
  if (form) explain(form, null);
  if (form?.isConnected && form.dataset.keepsAddress) keepAddress(form);
  if (main.lastBefore) {
    const added = main.lastBefore.nextElementSibling;
    main.lastBefore = null;
    const row = added?.querySelector('.row') ?? added;
    row?.setAttribute('tabindex', '-1');
    row?.focus();
  }
}

function open() {
  const title = main.querySelector('h1');
  document.title = `${title?.dataset.title ?? 'bankapp'} – bankapp`;
  window.scrollTo(0, 0);
  (title ?? main).focus({ preventScroll: true });
  document.querySelectorAll('.nav a, .menu a').forEach((link) => {
    if (location.pathname.startsWith(link.getAttribute('href'))) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  });
  const why = main.querySelector('#why-here');
  if (why && main.dataset.why) explain(why, { detail: main.dataset.why });
  delete main.dataset.why;
  main.dispatchEvent(new CustomEvent('bank:page'));
}

async function fail(detail) {
  const answer = new Response(detail.xhr.responseText, { status: detail.xhr.status });
  const problem = await describe(answer);
  const person = askers.get(detail.xhr);
  if (problem.code === 'token_expired' && person) {
    person.accessEndsAt = 0;
    if (detail.target === main) again();
    else hold({ preventDefault() {}, detail: { path: detail.pathInfo.requestPath, issueRequest: again } });
    return;
  }
  if (problem.status === 401 && person) return session.drop(person, 'Your session has ended. Please sign in again.');
  place(detail, problem);
}

function place(detail, problem) {
  const form = detail.elt?.closest('form');
  if (form && detail.elt !== main) return showProblem(form, problem);
  if (detail.target !== main) return toast(problem.detail);
  main.replaceChildren(document.getElementById('trouble').content.cloneNode(true));
  main.querySelector('h1').textContent = problem.status === 404 ? 'Page not found' : problem.title;
  main.querySelector('[data-detail]').textContent = problem.detail;
  main.querySelector('[data-request-id]').textContent = problem.request_id ? `Request id ${problem.request_id}` : '';
  main.querySelector('[data-again]').addEventListener('click', again);
  main.querySelector('h1').focus();
}
