// Forms that call the API. `data-api` is the path, `data-keyed` sends an idempotency key, `data-before` and `data-then`
// name what happens before the call and after its success, and `data-ask` is the question to confirm first.

import * as session from './session.js';
import { call, Problem } from './api.js';
import { bodyOf } from './bodies.js';
import { clearProblem, explain, showProblem } from './problems.js';
import { ask, toast } from './notices.js';
import { again, show, showWanted } from './router.js';

const PUBLIC = /^\/v1\/auth\/(login|signup)$/;
const keys = new WeakMap();

const preparations = {};

const followUps = {
  again: () => again(),
  'signed-out': () => session.drop(session.current(), 'All your sessions have ended.'),
  'sign-in': async (pair) => {
    await session.enter(pair);
    await showWanted();
  },
  'sign-up': async (_, body) => {
    const { data } = await call('POST', '/v1/auth/login', { body: { email: body.email, password: body.password }, isPublic: true });
    await followUps['sign-in'](data);
    toast('Welcome to bankapp.');
  },
  card: async (card) => {
    main.addEventListener('bank:page', () => reveal(card), { once: true });
    await show(`/app/cards`, 'keep');
  },
};

const main = document.getElementById('main');

export const follow = (name, how) => {
  followUps[name] = how;
};

export const before = (name, how) => {
  preparations[name] = how;
};

export function start() {
  document.addEventListener('submit', (event) => {
    if (!event.target.matches('form[data-api]')) return;
    event.preventDefault();
    submit(event.target, event.submitter);
  });
}

// The data attributes of a submit button take precedence over those of its form.
async function submit(form, button) {
  const settings = { ...form.dataset, ...(button?.dataset.api ? button.dataset : {}) };
  if (form.dataset.busy) return;
  if (!isComplete(form)) return;
  const release = occupy(form);
  clearProblem(form);
  try {
    await preparations[form.dataset.before]?.(form);
    if (form.dataset.ask && !(await ask({ title: form.dataset.ask, text: form.dataset.askText, yes: form.dataset.askYes }))) return;
    const body = bodyOf(form);
    const { data } = await call(form.dataset.method ?? 'POST', settings.api, {
      body,
      key: form.hasAttribute('data-keyed') ? keyOf(form, body) : undefined,
      match: form.dataset.ifMatch,
      isPublic: PUBLIC.test(settings.api),
      onWait: () => explain(form, { detail: 'No answer yet. We are sending the same request again; it is carried out only once.' }),
    });
    keys.delete(form);
    explain(form, null);
    if (data?.id) form.dispatchEvent(new CustomEvent('bank:done', { bubbles: true, detail: data }));
    await conclude(form, settings, data, body);
  } catch (error) {
    refuse(form, error);
  } finally {
    release();
  }
}

// Retries of the same request use the same key. Another body, or a final answer, makes a new key.
function keyOf(form, body) {
  const text = JSON.stringify(body ?? null);
  if (keys.get(form)?.text !== text) keys.set(form, { text, key: crypto.randomUUID() });
  return keys.get(form).key;
}

function refuse(form, error) {
  if (error instanceof session.SignedOut) return;
  if (!(error instanceof Problem)) throw error;
  if (!error.isOpen) keys.delete(form);
  if (error.code === 'otp_required') return askForCode(formWithCode(form), error);
  if (form.isConnected) showProblem(form, error);
  else toast(error.detail);
}

// A demo sign-in button has no field for a code: copy its e-mail and password into the sign-in form, which has one.
function formWithCode(form) {
  if (form.querySelector('[data-otp]')) return form;
  const signIn = document.querySelector('[data-otp]').closest('form');
  for (const { name, value } of form.querySelectorAll('input')) signIn.elements[name].value = value;
  return signIn;
}

function askForCode(form, problem) {
  const place = form.querySelector('[data-otp]');
  if (!place.hidden) return showProblem(form, { ...problem, detail: problem.detail, errors: { otp: [problem.detail] } });
  place.hidden = false;
  place.querySelector('input').required = true;
  place.querySelector('input').focus();
}

async function conclude(form, settings, data, body) {
  const then = settings.then ?? '';
  if (settings.say) toast(settings.say);
  if (then.startsWith('go:')) {
    const path = then.slice(3).replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(data[name]));
    await show(path, form.hasAttribute('data-replace') ? 'replace' : 'push');
  } else {
    await followUps[then]?.(data, body, form);
  }
}

function isComplete(form) {
  for (const control of form.elements) {
    if (control.willValidate && !control.checkValidity()) {
      const errors = { [control.name]: [control.validationMessage] };
      showProblem(form, { errors });
      return false;
    }
  }
  for (const { dataset } of form.querySelectorAll('[data-demand]')) {
    if (form.querySelector(`[name="${dataset.list}"]:checked`)) continue;
    showProblem(form, { errors: { [dataset.list]: [dataset.demand] } });
    return false;
  }
  return true;
}

// Mark the form as busy: its button shows this and keeps the focus, and a second press does nothing.
function occupy(form) {
  form.dataset.busy = 'yes';
  const button = form.querySelector('button:not([type="button"])');
  button?.setAttribute('aria-disabled', 'true');
  return () => {
    delete form.dataset.busy;
    button?.removeAttribute('aria-disabled');
  };
}

// Show the number of a new card. No later answer contains it.
function reveal(card) {
  if (!card.pan) return;
  const panel = document.getElementById('pan-template').content.cloneNode(true);
  const groups = card.pan.match(/.{4}/g).join(' ');
  panel.querySelector('[data-pan]').textContent = groups;
  panel.querySelector('[data-copy]').dataset.copy = card.pan;
  document.getElementById('new-pan').replaceChildren(panel);
  document.getElementById('pan-title').focus();
}
