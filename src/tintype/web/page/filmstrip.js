// @ts-check
// The strip of all photographs below the one that is shown.

import { element } from "./dom.js";
import { announce } from "./notices.js";
import { positionText, stateLabel } from "./photo_labels.js";
import * as removal from "./removal.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */
/**
 * @typedef {object} Frame
 * @property {HTMLLIElement} item
 * @property {HTMLButtonElement} button
 * @property {HTMLImageElement} picture
 * @property {HTMLSpanElement} label
 */

const list = element("film", HTMLElement);
const stage = element("stage", HTMLElement);
/** @type {Map<Photo, Frame>} */
const frames = new Map();

/** @param {Photo} photo */
export function add(photo) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.className = "frame";
  button.title = photo.name;
  const picture = document.createElement("img");
  picture.alt = photo.name;
  picture.hidden = true;
  button.append(picture);
  const label = document.createElement("span");
  label.className = "state";
  const remove = document.createElement("button");
  remove.className = "remove";
  remove.textContent = "✕";
  remove.setAttribute("aria-label", `Remove ${photo.name}`);
  item.append(button, label, remove);
  button.onclick = () => {
    workspace.select(photo);
    stage.scrollIntoView({ block: "nearest" });
  };
  remove.onclick = ({ detail }) => removal.remove(photo, detail === 0);
  frames.set(photo, { item, button, picture, label });
  list.insertBefore(item, list.children[workspace.photos.indexOf(photo)] ?? null);
  showState(photo);
}

/** @param {Photo} photo */
export function remove(photo) {
  frames.get(photo)?.item.remove();
  frames.delete(photo);
}

/** @param {Photo} photo */
export function showState(photo) {
  const frame = frames.get(photo);
  if (!frame) return;
  frame.label.textContent = stateLabel(photo.state);
  frame.label.hidden = photo.state === "ready";
  frame.button.classList.toggle("bad", photo.state === "failed");
  showPicture(photo);
}

/** @param {Photo} photo */
export function showPicture(photo) {
  const frame = frames.get(photo);
  if (!frame) return;
  frame.picture.dataset.rotation = String(photo.rotation);
  const { after } = photo.urls;
  if (after && frame.picture.src !== after) frame.picture.src = after; // it is decoded again
  frame.picture.hidden = !after;
}

/** @param {Photo} current */
export function showCurrent(current) {
  const focused = list.contains(document.activeElement);
  for (const [photo, { button }] of frames) {
    button.setAttribute("aria-current", String(photo === current));
  }
  const shown = frames.get(current)?.button;
  shown?.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (focused && document.activeElement?.matches(".frame")) shown?.focus();
}

/** @param {number} way 1 to the next photograph, -1 to the one before; at the ends nothing */
export function go(way) {
  const { current, photos } = workspace;
  const next = current && photos[photos.indexOf(current) + way];
  if (!next) return;
  workspace.select(next);
  announce(positionText(next.name, photos.indexOf(next), photos.length));
}
