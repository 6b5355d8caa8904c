// @ts-check
// The cross: a photograph goes, and for ten seconds it can be brought back.

import { removedText } from "./labels.js";
import { announce } from "./notices.js";
import * as toast from "./toast.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */

/** @type {{photo: Photo, index: number}[]} what one Undo brings back, in the order it went */
let removed = [];

/**
 * @param {Photo} photo
 * @param {boolean} byKeyboard
 */
export function remove(photo, byKeyboard) {
  removed.push({ photo, index: workspace.photos.indexOf(photo) });
  workspace.remove(photo);
  const text = removedText(removed.map(({ photo: { name } }) => name));
  toast.offerUndo({ kind: "remove", text, undo: bringBack, expire: letGo, byKeyboard });
}

function letGo() {
  for (const { photo } of removed) photo.release();
  removed = [];
}

function bringBack() {
  const back = removed;
  removed = [];
  for (const { photo, index } of [...back].reverse()) workspace.add(photo, index);
  const last = back[back.length - 1].photo;
  workspace.select(last);
  announce(`${last.name} is back.`);
}
