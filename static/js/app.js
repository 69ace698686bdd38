// The shell's script: what listens is started, then the page that the address names is shown.

import * as chart from './chart.js';
import * as ending from './ending.js';
import * as fields from './fields.js';
import * as forms from './forms.js';
import * as people from './people.js';
import * as problems from './problems.js';
import * as router from './router.js';
import * as secondFactor from './second_factor.js';

[problems, people, router, ending, forms, fields, chart, secondFactor].forEach((part) => part.start());

document.querySelector('[data-skip]').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main').focus();
});

// The history entry outlives a reload, the tokens do not; it says nothing but that somebody was signed in.
if (history.state?.wasSignedIn) {
  document.getElementById('main').dataset.why =
    'You were signed out because the page was loaded anew: what signs you in lives in the open page only.';
}
router.show(location.pathname + location.search, 'replace');
