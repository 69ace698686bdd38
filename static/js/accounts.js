// The order of accounts: an account becomes the first after the others have made room.

import { call } from './api.js';
import { before } from './forms.js';

export function start() {
  before('make-room', async (form) => {
    for (const [id, position] of JSON.parse(form.dataset.moves)) await call('PATCH', `/v1/accounts/${id}`, { body: { position } });
  });
}
