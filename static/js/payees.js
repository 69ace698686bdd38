// The payee of a transfer: the name is verified before the money is sent, and the receipt offers to save the payee.

import { call, Problem } from './api.js';
import { before, follow } from './forms.js';

const main = document.getElementById('main');
const verifications = new WeakMap();
let paid = null;

export function start() {
  before('verify-payee', verified);
  document.body.addEventListener('htmx:afterSwap', () => {
    const form = main.querySelector('form[data-before="verify-payee"]');
    if (form && !verifications.has(form)) renew(form).catch(() => {});
  });
  document.addEventListener('bank:done', ({ target, detail }) => {
    if (target.dataset.before === 'verify-payee' && !('payeeSaved' in target.dataset)) remember(target, detail);
  });
  main.addEventListener('bank:page', offer);
  follow('payee-saved', () => {
    paid = null;
    main.querySelector('[data-save-payee]').hidden = true;
    main.querySelector('h1').focus();
  });
}

/** Resolves once the payee of `form` is verified: the result is shown, and the form asks about it and sends its token. */
async function verified(form) {
  if (!((await verifications.get(form)) > Date.now())) await renew(form);
}

function renew(form) {
  verifications.set(form, verify(form));
  return verifications.get(form);
}

// Resolves to the time until which the verification counts; 0 if it failed.
async function verify(form) {
  const { payeeName, payeeNumber } = form.dataset;
  try {
    const { data } = await call('POST', '/v1/payee-verifications', { body: { name: payeeName, account_number: payeeNumber } });
    form.dataset.body = JSON.stringify({ ...JSON.parse(form.dataset.body), payee_verification_token: data.token });
    form.dataset.holder = data.name ?? payeeName;
    showResult(form, data.result, data.name);
    return Date.parse(data.expires_at);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    showResult(form, 'failed', null, error.detail);
    return 0;
  }
}

function showResult(form, result, name, reason = '') {
  const section = form.closest('section');
  const template = section.querySelector(`template[data-result="${result}"]`);
  const part = template.content.cloneNode(true);
  const fill = (selector, text) => part.querySelector(selector)?.append(text ?? '');
  fill('[data-holder]', name);
  fill('[data-reason]', reason);
  section.querySelector('[data-verdict]').replaceChildren(part);
  for (const setting of ['ask', 'askText', 'askYes']) delete form.dataset[setting];
  if (!template.dataset.ask) return;
  const isolated = (text) => `\u2068${text}\u2069`;
  form.dataset.ask = template.dataset.ask;
  form.dataset.askText = template.dataset.askText.replace(/\{(given|name)\}/g, (_, which) => isolated(which === 'name' ? name : form.dataset.payeeName));
  form.dataset.askYes = 'Send';
}

function remember(form, transfer) {
  paid = { id: transfer.id, name: form.dataset.holder ?? form.dataset.payeeName, number: form.dataset.payeeNumber };
}

function offer() {
  const section = main.querySelector('[data-save-payee]');
  if (!paid || section?.dataset.savePayee !== paid.id) return;
  section.querySelector('[name="name"]').value = paid.name;
  section.querySelector('[name="account_number"]').value = paid.number;
  section.hidden = false;
}
