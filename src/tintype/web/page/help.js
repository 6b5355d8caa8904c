// @ts-check
// The sheet of keys.

import { button, element } from "./dom.js";

const sheet = element("keys", HTMLDialogElement);

const TYPING =
  "input:not([type=range]):not([type=radio]):not([type=checkbox]), select, textarea";

/**
 * Whether a key is a letter of what somebody types.
 *
 * @param {KeyboardEvent} event
 */
export const isTyping = ({ target }) => target instanceof Element && target.matches(TYPING);

export const isOpen = () => sheet.open;

export function toggle() {
  if (sheet.open) sheet.close();
  else sheet.showModal();
}

export function wire() {
  addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey } = event;
    if (key === "?" && !(ctrlKey || metaKey || altKey || isTyping(event))) toggle();
  });
  button("help").onclick = toggle;
  button("keys-close").onclick = toggle;
  // Beside the sheet, a click is on the dialog itself: its backdrop.
  sheet.onclick = ({ target }) => {
    if (target === sheet) sheet.close();
  };
}
