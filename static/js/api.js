// Calls the REST API. If the answer to a call with an idempotency key is lost, the call is sent again with the same
// key, so it is carried out only once.

import { authorization, device, drop } from './session.js';
import { fresh } from './ending.js';

const PAUSES_MS = [400, 1000, 2000, 4000];
const NOT_FINAL = new Set([429, 500, 502, 503, 504]);

export class Problem extends Error {
  constructor(document) {
    super(document.detail ?? 'The request failed.');
    Object.assign(this, { errors: {}, code: '', status: 0, ...document });
  }

  /** Whether the same request may still succeed: the problem is not a final answer. */
  get isOpen() {
    return this.status === 0 || this.status === 401 || NOT_FINAL.has(this.status) || this.code === 'idempotency_in_flight';
  }
}

export const LOST = {
  title: 'No connection',
  detail: 'The bank could not be reached. Check your connection and try again. Your request will be carried out only once.',
};

/** Call `method path`; return `{answer, data}`. Throws Problem for a refusal and for no connection. */
export async function call(method, path, { body, key, match, isPublic = false, onWait } = {}) {
  for (let attempt = 0; ; attempt += 1) {
    const person = isPublic ? null : await fresh();
    let problem;
    try {
      const answer = await send(method, path, { body, key, match }, person);
      if (answer.ok) return { answer, data: await read(answer) };
      problem = new Problem(await describe(answer));
      if (answer.status === 401 && person) {
        if (problem.code === 'token_expired') {
          person.accessEndsAt = 0;
          continue;
        }
        if (problem.code.startsWith('token_')) drop(person, 'Your session has ended. Please sign in again.');
        throw problem;
      }
      if (answer.status === 429) throw problem;
    } catch (error) {
      if (error instanceof Problem) throw error;
      problem = new Problem(LOST);
    }
    if (!(key && problem.isOpen && attempt < PAUSES_MS.length)) throw problem;
    onWait?.(attempt);
    await pause(PAUSES_MS[attempt]);
  }
}

async function send(method, path, { body, key, match }, person) {
  const headers = { Accept: 'application/json', 'X-Device-Id': device };
  if (person) headers.Authorization = authorization(person);
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  if (match) headers['If-Match'] = `"${match}"`;
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(path, { method, headers, body: text });
}

async function read(answer) {
  if (answer.status === 204) return null;
  return answer.headers.get('Content-Type')?.includes('json') && !answer.headers.get('Content-Disposition')
    ? answer.json()
    : answer.blob();
}

/** Return the problem document of an answer. An answer without one, from a proxy for example, gets a general text. */
export async function describe(answer) {
  const general = { status: answer.status, title: 'Something went wrong', detail: 'The bank could not answer. Try again.' };
  const document = await answer.json().catch(() => ({}));
  return document.detail ? document : general;
}

/** Wait for `ms`, or until the connection comes back. */
function pause(ms) {
  return new Promise((resolve) => {
    const done = () => {
      window.removeEventListener('online', done);
      resolve();
    };
    setTimeout(done, ms);
    window.addEventListener('online', done);
  });
}

