// @ts-check
// A line over all else: what was done, perhaps with an Undo.

import { button, element, inside } from "./dom.js";
import { announce } from "./notices.js";

/**
 * @typedef {object} Offer to undo something
 * @property {string} kind one of the same kind takes over and lets none expire
 * @property {string} text what was done
 * @property {() => void} undo
 * @property {() => void} [expire] called when it can no longer be undone
 * @property {boolean} byKeyboard then the keyboard goes on at Undo
 */

const UNDO_MS = 10_000;
const READ_MS = 8000;

const toast = element("toast", HTMLElement);
const text = inside(toast, "span", HTMLElement);
const undo = inside(toast, "button", HTMLButtonElement);
/** @type {Offer | null} */
let open = null;
let next = ""; // a message that waits for the end of an Undo
let timer = 0;

/** @param {Offer} offer */
export function offerUndo(offer) {
  if (open && open.kind !== offer.kind) open.expire?.();
  open = offer;
  announce(`${offer.text} It can be undone for ten seconds.`);
  show(offer.text, UNDO_MS);
  if (offer.byKeyboard) undo.focus();
}

/** @param {string} message shown at once, or after an Undo that is offered */
export function say(message) {
  announce(message);
  if (open) next = message;
  else show(message, READ_MS);
}

/**
 * @param {string} message
 * @param {number} milliseconds
 */
function show(message, milliseconds) {
  text.textContent = message;
  undo.hidden = !open;
  toast.hidden = false;
  clearTimeout(timer);
  timer = window.setTimeout(() => end()?.expire?.(), milliseconds);
}

/** Closes it; the keyboard goes on at the photograph, or at the start. */
function end() {
  const was = open;
  open = null;
  clearTimeout(timer);
  const focused = toast.contains(document.activeElement);
  toast.hidden = true;
  if (focused) focusOnPhoto();
  if (next) show(next, READ_MS);
  next = "";
  return was;
}

function focusOnPhoto() {
  const frame = document.querySelector('#film [aria-current="true"]');
  if (frame instanceof HTMLElement) frame.focus();
  else button("choose").focus();
}

export function wire() {
  undo.onclick = () => {
    const focused = document.activeElement === undo;
    end()?.undo();
    if (focused) focusOnPhoto();
  };
}
