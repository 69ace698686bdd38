// The pages for developers: a new secret is shown once, and deliveries are looked at until they have an outcome.

import { follow } from './forms.js';
import { refresh } from './live.js';
import { notify, toast } from './notices.js';
import { show } from './router.js';

// A message is sent within seconds. A delivery leaves no event, so the page has to look.
const LOOKS_MS = [1000, 2000, 3000, 5000, 10_000];

const main = document.getElementById('main');

export function start() {
  follow('secret', async ({ id, secret }, _, form) => {
    main.addEventListener('bank:page', () => reveal(secret), { once: true });
    await show(form.dataset.at.replace('{id}', id), 'push');
  });
  follow('sent', look);
  follow('replayed', ({ deliveries, last_position: last, has_more: hasMore }, _, form) => {
    toast(deliveries === 1 ? 'One event is sent again.' : `${deliveries} events are sent again.`);
    if (hasMore) {
      form.elements.from_position.value = last + 1;
      notify(`There are more: go on from position ${last + 1}.`);
    }
    look();
  });
}

function reveal(secret) {
  const place = document.getElementById('new-secret');
  if (!secret) return notify('The secret was shown before. Make a new one if you do not have it.');
  const panel = document.getElementById('secret-template').content.cloneNode(true);
  panel.querySelector('[data-secret]').textContent = secret;
  panel.querySelector('[data-copy]').dataset.copy = secret;
  place.replaceChildren(panel);
  document.getElementById('secret-title').focus();
}

function look() {
  LOOKS_MS.forEach((ms) => setTimeout(refresh, ms));
}
