// The second factor: draws the secret as a QR code, so that it never leaves the page, and shows the recovery codes.

import qrcode from '../vendor/qrcode.mjs';
import { follow } from './forms.js';
import { again } from './router.js';

const QUIET_ZONE = 4;

export function start() {
  follow('otp-enrol', (enrolment) => {
    const part = copyOf('otp-enrol-template');
    part.querySelector('[data-qr]').append(drawing(enrolment.otpauth_uri));
    part.querySelector('[data-secret]').textContent = enrolment.secret.match(/.{1,4}/g).join(' ');
    put(part);
  });
  follow('otp-codes', ({ recovery_codes: codes }) => {
    const part = copyOf('otp-codes-template');
    part.querySelector('[data-codes-list]').append(...codes.map((code) => {
      const item = document.createElement('li');
      item.textContent = code;
      return item;
    }));
    part.querySelector('[data-copy]').dataset.copy = codes.join('\n');
    part.querySelector('[data-done]').addEventListener('click', again);
    put(part);
  });
}

const copyOf = (id) => document.getElementById(id).content.cloneNode(true);

function put(part) {
  const place = document.getElementById('second-factor');
  place.replaceChildren(part);
  place.querySelector('[data-focus]').focus();
}

function drawing(text) {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const size = code.getModuleCount();
  let path = '';
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      if (code.isDark(row, column)) path += `M${column} ${row}h1v1h-1z`;
    }
  }
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `${-QUIET_ZONE} ${-QUIET_ZONE} ${size + 2 * QUIET_ZONE} ${size + 2 * QUIET_ZONE}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'QR code of the secret');
  svg.setAttribute('shape-rendering', 'crispEdges');
  const dark = document.createElementNS(svg.namespaceURI, 'path');
  dark.setAttribute('d', path);
  svg.append(dark);
  return svg;
}
