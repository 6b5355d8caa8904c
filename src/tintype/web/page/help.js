// @ts-check
// The sheet of keys.

import { button, element } from "./dom.js";

const sheet = element("keys", HTMLDialogElement);

export const isOpen = () => sheet.open;

export function toggle() {
  if (sheet.open) sheet.close();
  else sheet.showModal();
}

export function wire() {
  button("help").onclick = toggle;
  button("keys-close").onclick = toggle;
  // Beside the sheet, a click is on the dialog itself: its backdrop.
  sheet.onclick = ({ target }) => {
    if (target === sheet) sheet.close();
  };
}
