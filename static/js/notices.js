// Short messages, which screen readers read out and which disappear after a few seconds; and yes-or-no questions.

const toasts = document.getElementById('toasts');
const question = document.getElementById('question');
const STAYS_MS = 6000;

/** Show a message in place of the one before. */
export function toast(text) {
  toasts.replaceChildren();
  notify(text);
}

/** Show a message beside the one that is there. */
export function notify(text) {
  const item = document.createElement('p');
  item.className = 'toast';
  item.textContent = text;
  toasts.append(item);
  setTimeout(() => item.remove(), STAYS_MS);
}

/** Ask for confirmation. Resolves to true if the answer is yes. */
export function ask({ title, text, yes }) {
  document.getElementById('question-title').textContent = title;
  document.getElementById('question-text').textContent = text;
  document.getElementById('question-yes').textContent = yes;
  question.returnValue = 'no';
  question.showModal();
  return new Promise((resolve) => {
    question.addEventListener('close', () => resolve(question.returnValue === 'yes'), { once: true });
  });
}
