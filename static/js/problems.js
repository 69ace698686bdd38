// Shows a problem document (RFC 9457): at the fields that it names, or as a message with the request id.

/** Show `problem` in `form` and move the focus to it. */
export function showProblem(form, problem) {
  clearProblem(form);
  const rest = [];
  let first = null;
  for (const [name, messages] of Object.entries(problem.errors ?? {})) {
    // `ip_allowlist.0` is an entry of the list that one control has.
    const control = controlOf(form, name.replace(/\.\d+$/, ''));
    if (control) {
      complain(control, messages.join(' '));
      first ??= control;
    } else {
      rest.push(`${name}: ${messages.join(' ')}`);
    }
  }
  const byCode = problem.code && form.querySelector(`[data-codes~="${problem.code}"]`);
  if (!first && byCode) {
    complain(byCode, problem.detail);
    first = byCode;
  }
  if (!first || rest.length) explain(form, { ...problem, detail: [problem.detail, ...rest].join(' ') });
  first?.focus();
}

export function clearProblem(form) {
  form.querySelectorAll('[aria-invalid]').forEach(unmark);
  explain(form, null);
}

/** Remove a field's error message when the field changes. */
export function start() {
  document.addEventListener('input', ({ target }) => target.matches('[aria-invalid]') && unmark(target));
}

function unmark(control) {
  control.removeAttribute('aria-invalid');
  const place = placeOf(control);
  if (place) place.textContent = '';
}

export function complain(control, text) {
  control.setAttribute('aria-invalid', 'true');
  placeOf(control).textContent = text;
}

function controlOf(form, name) {
  const found = form.elements[name];
  const control = found instanceof RadioNodeList ? found[0] : found;
  return control && control.type !== 'hidden' ? control : null;
}

function placeOf(control) {
  const field = control.closest('.field') ?? control.closest('fieldset') ?? control.parentElement;
  let place = field.querySelector('[data-complaint]');
  if (!place) {
    place = document.createElement('p');
    place.className = 'complaint';
    place.id = `${control.id || control.name}-complaint`;
    place.dataset.complaint = '';
    field.append(place);
    control.setAttribute('aria-describedby', place.id);
  }
  return place;
}

/** Write a problem into the place for messages; null empties it. */
export function explain(where, problem) {
  const place = where.matches('.outcome') ? where : where.querySelector('.outcome');
  if (!place) return;
  place.replaceChildren();
  if (!problem) return;
  if (problem.title) place.append(line('strong', problem.title));
  place.append(line('p', problem.detail));
  if (problem.request_id) place.append(line('p', `Request id ${problem.request_id}`, 'outcome-id'));
}

function line(tag, text, className = '') {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}
