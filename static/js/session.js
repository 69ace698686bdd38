// The people who are signed in on this page. Their tokens are in this module's memory only, not in a cookie or in
// storage. Closing or reloading the page ends every session that it opened.

const tokens = new WeakMap();
const people = new Map();
const renewals = new Map();
let active = null;

export const events = new EventTarget();

// The device id, in printable ASCII as the API requires. People see it in their list of sessions.
export const device = `${browserName()} on ${systemName()} (${crypto.randomUUID().slice(0, 4)})`;

// The server writes times in it.
export const { timeZone } = Intl.DateTimeFormat().resolvedOptions();

export const current = () => active;
export const everybody = () => [...people.values()];
export const isStaff = (person) => person.role !== 'customer';
export const authorization = (person) => `Bearer ${tokens.get(person).access}`;
export const isFresh = (person) => Date.now() < person.accessEndsAt - 500;
export const canRenew = (person) => person.sessionEndsAt > person.accessEndsAt + 500;

export class SignedOut extends Error {}

function tell(name, detail = {}) {
  events.dispatchEvent(new CustomEvent(name, { detail }));
}

function keep(person, pair) {
  const now = Date.now();
  tokens.set(person, { access: pair.access_token, refresh: pair.refresh_token });
  person.accessEndsAt = now + pair.expires_in * 1000;
  person.accessLifetime = pair.expires_in * 1000;
  person.sessionEndsAt = now + pair.refresh_expires_in * 1000;
  person.sessionLifetime ??= pair.refresh_expires_in * 1000;
}

/** Take the tokens of a sign-in and make their owner the active person. */
export async function enter(pair) {
  const headers = { Authorization: `Bearer ${pair.access_token}`, 'X-Device-Id': device };
  const answer = await fetch('/v1/auth/me', { headers });
  if (!answer.ok) throw new SignedOut('The new session was refused.');
  const user = await answer.json();
  const before = people.get(user.id);
  if (before) end(before);
  const person = { id: user.id, email: user.email, role: user.role, autoRenew: before?.autoRenew ?? false };
  keep(person, pair);
  people.set(person.id, person);
  active = person;
  tell('change');
}

export function switchTo(id) {
  active = people.get(id) ?? active;
  tell('change');
}

/** Exchange the refresh token for a new pair. One exchange at a time: using a token twice would end the session. */
export function renew(person) {
  if (!renewals.has(person.id)) {
    renewals.set(person.id, exchange(person).finally(() => renewals.delete(person.id)));
  }
  return renewals.get(person.id);
}

async function exchange(person) {
  const answer = await fetch('/v1/auth/refresh', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Device-Id': device },
    body: JSON.stringify({ refresh_token: tokens.get(person).refresh }),
  });
  if (answer.status === 401) {
    drop(person, 'Your session has ended. Please sign in again.');
    throw new SignedOut('The session has ended.');
  }
  if (!answer.ok) throw new Error('The session could not be renewed just now. Try again.');
  keep(person, await answer.json());
  tell('renewed', { person });
  return person;
}

/** Remove a person and their tokens; `why` is the message to show. */
export function drop(person, why = '') {
  if (!people.delete(person.id)) return;
  tokens.delete(person);
  if (active === person) {
    active = people.values().next().value ?? null;
    tell('change', { why, left: person });
  } else {
    tell('list', { why });
  }
}

/** Sign a person out, here and at the server. */
export async function leave(person) {
  const over = end(person);
  drop(person, 'You are signed out.');
  await over;
}

function end(person) {
  const headers = { Authorization: authorization(person), 'X-Device-Id': device };
  return fetch('/v1/auth/logout', { method: 'POST', headers, keepalive: true }).catch(() => {});
}

// The page forgets its tokens, so their sessions must end at the server, too.
window.addEventListener('pagehide', () => everybody().forEach(end));
window.addEventListener('pageshow', (event) => event.persisted && location.reload());

function browserName() {
  const agent = navigator.userAgent;
  const names = [['Edg/', 'Edge'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']];
  return names.find(([mark]) => agent.includes(mark))?.[1] ?? 'Browser';
}

function systemName() {
  const agent = navigator.userAgent;
  const names = [['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['Linux', 'Linux']];
  return names.find(([mark]) => agent.includes(mark))?.[1] ?? 'unknown system';
}
