// The shell's script: starts every module, then shows the page of the address.

import * as accounts from './accounts.js';
import * as chart from './chart.js';
import * as developers from './developers.js';
import * as ending from './ending.js';
import * as fields from './fields.js';
import * as forms from './forms.js';
import * as live from './live.js';
import * as payees from './payees.js';
import * as people from './people.js';
import * as problems from './problems.js';
import * as router from './router.js';
import * as secondFactor from './second_factor.js';

[problems, people, router, ending, forms, fields, accounts, chart, secondFactor, live, developers, payees].forEach((part) => part.start());

document.querySelector('[data-skip]').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main').focus();
});

// A reload keeps the history entry but not the tokens. The entry stores only that a user was signed in.
if (history.state?.wasSignedIn) {
  document.getElementById('main').dataset.why =
    'You were signed out because the page was reloaded. Your sign-in is kept in the open page only.';
}
router.show(location.pathname + location.search, 'replace');
