// @ts-check
// The cross: a photograph goes, and for ten seconds it can be brought back.

import { button, element, inside } from "./dom.js";
import { removedText } from "./labels.js";
import { announce } from "./notices.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */

const UNDO_MS = 10_000;

const notice = element("undo-notice", HTMLElement);
const text = inside(notice, "span", HTMLElement);
const undo = inside(notice, "button", HTMLButtonElement);
/** @type {{photo: Photo, index: number}[]} what one Undo brings back, in the order it went */
let removed = [];
let timer = 0;

/**
 * @param {Photo} photo
 * @param {boolean} byKeyboard then the button that undoes it is where the keyboard goes on
 */
export function remove(photo, byKeyboard) {
  removed.push({ photo, index: workspace.photos.indexOf(photo) });
  workspace.remove(photo);
  text.textContent = removedText(removed.map(({ photo: { name } }) => name));
  notice.hidden = false;
  announce(`${text.textContent} It can be undone for ten seconds.`);
  if (byKeyboard) undo.focus();
  clearTimeout(timer);
  timer = window.setTimeout(letGo, UNDO_MS);
}

/** After that it is gone. */
function letGo() {
  for (const { photo } of removed) photo.release();
  end();
}

function bringBack() {
  clearTimeout(timer);
  const back = removed;
  for (const { photo, index } of [...back].reverse()) workspace.add(photo, index);
  end();
  const last = back[back.length - 1].photo;
  workspace.select(last);
  announce(`${last.name} is back.`);
}

function end() {
  removed = [];
  const focused = notice.contains(document.activeElement);
  notice.hidden = true;
  if (!focused) return;
  // The keyboard goes on at the photograph that is shown, or at the start.
  const frame = document.querySelector('#film [aria-current="true"]');
  if (frame instanceof HTMLElement) frame.focus();
  else button("choose").focus();
}

export function wire() {
  undo.onclick = bringBack;
}
