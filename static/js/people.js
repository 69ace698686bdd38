// The menu of the people who are signed in on this page, and the parts of the page that depend on the active person.

import * as session from './session.js';
import { show } from './router.js';
import { toast } from './notices.js';

const byId = (id) => document.getElementById(id);

export function start() {
  session.events.addEventListener('change', paint);
  session.events.addEventListener('list', ({ detail }) => {
    if (detail.why) toast(detail.why);
    paint();
  });
  byId('sign-out').addEventListener('click', () => session.leave(session.current()));
  byId('people-list').addEventListener('click', ({ target }) => {
    const button = target.closest('button[data-person]');
    if (!button) return;
    byId('people').hidePopover();
    session.switchTo(button.dataset.person);
    show('/app');
  });
  paint();
}

function paint() {
  const person = session.current();
  document.body.dataset.state = person ? 'in' : 'out';
  byId('people-list').replaceChildren(...session.everybody().map((one) => entry(one, one === person)));
  if (!person) return;
  byId('person-email').textContent = person.email;
  byId('person-initial').textContent = person.email[0].toUpperCase();
  byId('person-button').setAttribute('aria-label', `${person.email}: switch user, sign out`);
  byId('auto-renew').checked = person.autoRenew;
  const kind = session.isStaff(person) ? 'staff' : 'customer';
  document.querySelectorAll('[data-for]').forEach((item) => {
    item.hidden = item.dataset.for !== kind;
  });
}

function entry(person, isActive) {
  const item = document.createElement('li');
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'menu-item';
  button.dataset.person = person.id;
  if (isActive) button.setAttribute('aria-current', 'true');
  const initial = document.createElement('span');
  initial.className = 'avatar';
  initial.setAttribute('aria-hidden', 'true');
  initial.textContent = person.email[0].toUpperCase();
  const email = document.createElement('bdi');
  email.className = 'menu-email';
  email.textContent = person.email;
  const role = document.createElement('span');
  role.className = 'menu-role';
  role.textContent = person.role;
  button.append(initial, email, role);
  item.append(button);
  return item;
}
