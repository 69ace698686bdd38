// Help with form fields: checks account numbers and decimals, shows passwords, copies and downloads.

import { call } from './api.js';
import { clearProblem, complain, showProblem } from './problems.js';
import { toast } from './notices.js';

const main = document.getElementById('main');

export function start() {
  document.addEventListener('click', pressed);
  document.addEventListener('input', ({ target }) => {
    if (target.matches('[data-iban]')) checkIban(target);
    if (target.matches('[data-amount]')) checkDecimals(target);
  });
  document.addEventListener('change', ({ target }) => {
    if (target.matches('[data-source], [data-target]')) adapt(target.form);
  });
  document.addEventListener('submit', (event) => {
    if (!event.target.matches('form[data-download]')) return;
    event.preventDefault();
    download(event.target);
  });
  document.addEventListener('reset', ({ target }) => {
    if (target.matches('[data-filter]')) setTimeout(() => htmx.trigger(target, 'change'));
  });
  const adaptAll = () => main.querySelectorAll('form[data-step]').forEach(adapt);
  main.addEventListener('bank:page', adaptAll);
  document.body.addEventListener('htmx:afterSwap', adaptAll);
}

/** Tell whether the check digits of an IBAN are right (ISO 7064, mod 97-10). */
export function isIban(text) {
  const number = text.replace(/\s/g, '').toUpperCase();
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(number)) return false;
  const digits = (number.slice(4) + number.slice(0, 4)).replace(/[A-Z]/g, (letter) => letter.charCodeAt(0) - 55);
  return [...digits].reduce((rest, digit) => (rest * 10 + Number(digit)) % 97, 0) === 1;
}

function checkIban(input) {
  const caret = input.selectionStart === input.value.length;
  const plain = input.value.replace(/\s/g, '').toUpperCase();
  if (caret) input.value = plain.match(/.{1,4}/g)?.join(' ') ?? '';
  const verdict = input.closest('.field').querySelector('[data-iban-verdict]');
  const isRight = isIban(plain);
  input.closest('.checked').classList.toggle('is-right', isRight);
  const isLong = plain.length >= (plain.startsWith('DE') ? 22 : 34);
  if (isRight) verdict.textContent = 'The check digits are right.';
  else if (isLong) verdict.textContent = 'The check digits are wrong. Look for a mistyped or swapped character.';
  else verdict.textContent = plain ? `${plain.length} characters so far.` : '';
  verdict.classList.toggle('is-wrong', isLong && !isRight);
}

function adapt(form) {
  const source = form.querySelector('[data-source]');
  const chosen = source?.selectedOptions[0];
  if (!chosen) return;
  const amount = form.querySelector('[data-amount]');
  const digits = Number(chosen.dataset.digits);
  amount.dataset.digits = digits;
  amount.placeholder = digits ? `0${amount.dataset.point}${'0'.repeat(digits)}` : '0';
  amount.inputMode = digits ? 'decimal' : 'numeric';
  form.querySelector('[data-amount-currency]').textContent = chosen.dataset.currency;
  amount.setAttribute('aria-label', `Amount in ${chosen.dataset.currency}`);
  const target = form.querySelector('[data-target]');
  if (!target) return;
  const other = target.querySelector('[data-other]');
  for (const option of target.querySelectorAll('option[data-currency]')) {
    option.disabled = option.value === chosen.value || option.dataset.currency !== chosen.dataset.currency;
    if (option.disabled && option.selected) other.selected = true;
  }
  form.querySelector('[data-iban-field]').hidden = !other.selected;
}

function checkDecimals(input) {
  const digits = Number(input.dataset.digits);
  const decimals = /[.,](\d*)$/.exec(input.value.trim())?.[1] ?? '';
  const currency = input.form.querySelector('[data-amount-currency]').textContent;
  if (decimals.length > digits && decimals.length !== 3) {
    complain(input, digits ? `${currency} has ${digits} decimals.` : `${currency} has no decimals.`);
  }
}

async function pressed({ target }) {
  const button = target.closest('button');
  if (!button) return;
  if (button.dataset.copy) {
    await navigator.clipboard.writeText(button.dataset.copy);
    toast(button.dataset.say);
  } else if (button.dataset.reveal) {
    const input = document.getElementById(button.dataset.reveal);
    const isHidden = input.type === 'password';
    input.type = isHidden ? 'text' : 'password';
    button.textContent = isHidden ? 'Hide' : 'Show';
    button.setAttribute('aria-pressed', String(isHidden));
  } else if ('dismiss' in button.dataset) {
    button.closest('section').remove();
    main.querySelector('h1').focus();
  }
}

// A script downloads the file because the request needs a header with the token, which a link cannot send.
async function download(form) {
  clearProblem(form);
  const values = new FormData(form);
  const path = form.dataset.download.replace(/\{(\w+)\}/, (_, name) => values.get(name));
  values.delete('account');
  try {
    const { answer, data } = await call('GET', `${path}?${new URLSearchParams(values)}`);
    const blob = data instanceof Blob ? data : new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' });
    const named = /filename="([^"]+)"/.exec(answer.headers.get('Content-Disposition') ?? '');
    save(blob, named?.[1] ?? `statement_${values.get('from')}_${values.get('to')}.json`);
    toast('The file is downloaded.');
  } catch (problem) {
    showProblem(form, problem);
  }
}

function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
