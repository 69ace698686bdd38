// The session clock: shows the remaining time, asks before the access token expires, warns before the session ends.

import * as session from './session.js';

const ACCESS_WARNING_MS = 60_000;
const SESSION_WARNING_MS = 120_000;

const byId = (id) => document.getElementById(id);
const dialog = byId('ending');
let shown = null;
let waiting = [];

const accessWarning = (person) => Math.min(ACCESS_WARNING_MS, person.accessLifetime / 3);
const sessionWarning = (person) => Math.min(SESSION_WARNING_MS, person.sessionLifetime / 3);

/** Return the active person with a valid access token. If the token has expired, ask the person first. */
export async function fresh() {
  const person = session.current();
  if (!person) throw new session.SignedOut('Nobody is signed in.');
  if (session.isFresh(person)) return person;
  if (person.autoRenew && session.canRenew(person)) return session.renew(person);
  open(person, 'access');
  return new Promise((resolve, reject) => waiting.push({ person, resolve, reject }));
}

export function start() {
  setInterval(tick, 250);
  byId('renew').addEventListener('click', () => renewNow(byId('renew')));
  byId('ending-stay').addEventListener('click', stay);
  byId('ending-leave').addEventListener('click', () => {
    const { person } = shown;
    dialog.close();
    session.leave(person);
  });
  byId('auto-renew').addEventListener('change', (event) => {
    session.current().autoRenew = event.target.checked;
  });
  dialog.addEventListener('close', () => {
    shown = null;
    settle((waiter) => waiter.reject(new session.SignedOut('The question was dismissed.')));
  });
  session.events.addEventListener('renewed', ({ detail }) => {
    settle((waiter) => waiter.resolve(detail.person), detail.person);
    if (shown?.person === detail.person) dialog.close();
    tick();
  });
  session.events.addEventListener('change', () => {
    if (shown && shown.person !== session.current()) dialog.close();
    tick();
  });
}

function settle(how, person) {
  const settled = waiting.filter((waiter) => !person || waiter.person === person);
  waiting = waiting.filter((waiter) => !settled.includes(waiter));
  settled.forEach(how);
}

async function renewNow(button) {
  const person = session.current();
  button.setAttribute('aria-busy', 'true');
  try {
    await session.renew(person);
  } catch (error) {
    if (!(error instanceof session.SignedOut)) {
      open(person, 'access');
      say(byId('ending-outcome'), 'No connection. Try again in a moment.');
    }
  } finally {
    button.removeAttribute('aria-busy');
  }
}

async function stay() {
  const { person, kind } = shown;
  if (kind === 'session') {
    dialog.close();
    return;
  }
  person.autoRenew ||= byId('ending-auto').checked;
  byId('auto-renew').checked = person.autoRenew;
  await renewNow(byId('ending-stay'));
}

function tick() {
  const now = Date.now();
  for (const person of session.everybody()) {
    if (now >= person.sessionEndsAt) session.drop(person, 'Your session has ended. Please sign in again.');
    else if (person.autoRenew && wantsRenewal(person, now)) session.renew(person).catch(() => {});
  }
  const person = session.current();
  if (!person) return;
  const left = person.accessEndsAt - now;
  byId('time-left').textContent = minutes(left);
  document.body.classList.toggle('is-ending', left < accessWarning(person));
  if (!dialog.open) remind(person, now);
  if (dialog.open) describe(now);
}

function wantsRenewal(person, now) {
  return session.canRenew(person) && person.accessEndsAt - now < accessWarning(person);
}

function remind(person, now) {
  if (person.sessionEndsAt - now < sessionWarning(person)) {
    if (person.toldOfEnd) return;
    person.toldOfEnd = true;
    open(person, 'session');
  } else if (!person.autoRenew && person.accessEndsAt - now < accessWarning(person)) {
    if (person.askedBefore === person.accessEndsAt) return;
    person.askedBefore = person.accessEndsAt;
    open(person, 'access');
  }
}

function open(person, kind) {
  shown = { person, kind };
  byId('ending-auto-label').hidden = kind === 'session';
  byId('ending-auto').checked = person.autoRenew;
  byId('ending-stay').textContent = kind === 'session' ? 'OK' : 'Stay signed in';
  say(byId('ending-outcome'), '');
  describe(Date.now());
  if (!dialog.open) {
    dialog.showModal();
    byId('ending-stay').focus();
  }
}

function describe(now) {
  const { person, kind } = shown;
  if (kind === 'session') {
    byId('ending-title').textContent = 'Your session is about to end';
    byId('ending-text').textContent = `You will be signed out in ${minutes(person.sessionEndsAt - now)}. This session cannot be extended. Finish what you are doing, then sign in again.`;
    return;
  }
  const left = person.accessEndsAt - now;
  byId('ending-title').textContent = left > 0 ? 'Are you still there?' : 'You have been away';
  byId('ending-text').textContent = left > 0
    ? `For your security, you will be signed out in ${minutes(left)}.`
    : 'For your security, the page is locked. Stay signed in to continue where you were.';
}

function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function minutes(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const rest = `${String(Math.floor((seconds % 3600) / 60)).padStart(hours ? 2 : 1, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  return hours ? `${hours}:${rest}` : rest;
}
