// The JSON body of a form: its fields by name, each as text. `data-as` makes another value of a control, and
// `data-list` a list of a group of checkboxes. A field that is left empty is left out.

const readers = {
  integer: ({ value }) => (value === '' ? undefined : Number(value)),
  flag: ({ checked }) => checked,
  // Empty means null, so that a text or list that is there can be emptied.
  text: ({ value }) => value.trim() || null,
  // Nothing stays an empty list, which empties the tags that are there.
  words: ({ value }) => value.split(',').map((word) => word.trim()).filter(Boolean),
  lines: ({ value }) => orNull(value.split(/[\s,]+/).filter(Boolean)),
};

const orNull = (list) => (list.length ? list : null);

/** Return what the form says as an object, or undefined where it says nothing. */
export function bodyOf(form) {
  if (form.dataset.body) return JSON.parse(form.dataset.body);
  const body = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));
  for (const control of form.querySelectorAll('[data-as]')) body[control.name] = readers[control.dataset.as](control);
  for (const group of form.querySelectorAll('[data-list]')) {
    body[group.dataset.list] = orNull([...group.querySelectorAll(':checked')].map(({ value }) => value));
  }
  return Object.keys(body).length ? body : undefined;
}
