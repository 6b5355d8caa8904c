// @ts-check
// The dialog for the colour of one hint: suggestions, wheel, exact value, size.

import * as api from "./api.js";
import { button, element, input } from "./dom.js";
import * as eyedropper from "./eyedropper.js";
import { radiusOfSlider, sliderOfRadius } from "./geometry.js";
import * as named from "./named.js";
import { colorName } from "./names.js";
import { announce } from "./notices.js";
import { percentOfPossible } from "./photo_labels.js";
import { withoutHint } from "./settings.js";
import * as wheel from "./wheel.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./api.js").Suggestions} Suggestions */
/** @typedef {import("./settings.js").Hint} Hint */

const dialog = element("picker", HTMLDialogElement);
const suggestions = element("suggestions", HTMLElement);
const exact = input("exact");
const radius = input("radius");
const removeButton = button("remove");
/** @type {number | null} index of the hint that the dialog is about; null for the draft */
let index = null;
/** @type {Hint | null} that hint as it was when the dialog opened, for Cancel */
let original = null;

/** The hint that the dialog is about, where there is one. */
function currentHint() {
  return index === null ? workspace.draft : (workspace.current?.settings.hints[index] ?? null);
}

/**
 * For a new hint, which is made when a colour is chosen.
 *
 * @param {Hint} hint in the colour that is there
 * @param {Suggestions} found
 */
export function openNew(hint, found) {
  close();
  workspace.setDraft(hint);
  show(found);
}

/** @param {number} wanted index of a hint of the photograph that is shown */
export async function open(wanted) {
  close();
  const photo = workspace.current;
  if (!photo) return;
  index = wanted;
  const hint = photo.settings.hints[wanted];
  original = { ...hint };
  show(null);
  try {
    const request = withoutHint(photo.request(), wanted);
    const found = await api.suggestions(photo.id, request, hint.x, hint.y);
    if (index === wanted && photo === workspace.current) show(found);
  } catch (error) {
    announce(api.asApiError(error).message);
  }
}

/** @param {Suggestions | null} found null until they are there */
function show(found) {
  suggestions.replaceChildren(...(found?.suggestions ?? []).map(suggestionButton));
  if (!dialog.open) dialog.show();
  dialog.scrollTop = 0;
  named.clear("named");
  document.body.toggleAttribute("data-picking", true);
  removeButton.hidden = index === null;
  synchronize();
  dialog.scrollIntoView({ block: "nearest" });
  (suggestions.querySelector("button") ?? exact).focus({ preventScroll: true });
}

/** @param {Suggestions["suggestions"][number]} suggestion */
function suggestionButton({ color, share }) {
  const made = document.createElement("button");
  const swatch = document.createElement("i");
  swatch.style.background = color;
  const text = percentOfPossible(share);
  made.append(swatch, text);
  made.dataset.color = color;
  made.setAttribute("aria-label", `${colorName(color)}, ${text}`);
  made.title = colorName(color);
  made.onclick = () => recolor(color);
  return made;
}

/** @param {string} color as #rrggbb */
function recolor(color) {
  const photo = workspace.current;
  if (!photo) return;
  const { draft } = workspace;
  const chosen = index ?? photo.settings.hints.length;
  if (index === null) {
    if (!draft) return;
    index = chosen;
    workspace.setDraft(null);
    workspace.change(`hint${chosen}`, (s) => s.hints.push({ ...draft, color }));
    removeButton.hidden = false;
  } else workspace.change(`hint${chosen}`, (s) => (s.hints[chosen].color = color));
  synchronize();
}

/** Shows the hint as it is now; closes where there is none. */
function synchronize() {
  const hint = currentHint();
  const photo = workspace.current;
  if (!hint || !photo) {
    close();
    return;
  }
  exact.value = hint.color;
  radius.value = String(sliderOfRadius(hint.radius, photo));
  for (const child of suggestions.querySelectorAll("button")) {
    const chosen = index !== null && child.dataset.color === hint.color;
    child.setAttribute("aria-pressed", String(chosen));
  }
  wheel.draw(hint.color);
}

/** Closes and keeps what was chosen; a place for which nothing was chosen stays as it was. */
export function close() {
  index = original = null;
  eyedropper.cancel();
  if (workspace.draft) workspace.setDraft(null);
  if (dialog.open) dialog.close();
  document.body.toggleAttribute("data-picking", false);
}

/** Closes, and the photograph is as it was before the dialog opened. */
export function cancel() {
  if (!dialog.open) return;
  const [changed, before] = [index, original];
  close();
  if (changed === null) return;
  const present = JSON.stringify(workspace.current?.settings.hints[changed]);
  if (before && present === JSON.stringify(before)) return;
  workspace.change(null, (s) => s.hints.splice(changed, 1, ...(before ? [before] : [])));
}

function remove() {
  const removed = index;
  close();
  if (removed !== null) workspace.change(null, (s) => s.hints.splice(removed, 1));
}

function resize() {
  const chosen = index;
  const photo = workspace.current;
  if (!photo) return;
  const size = radiusOfSlider(Number(radius.value), photo);
  if (chosen !== null) workspace.change(`radius${chosen}`, (s) => (s.hints[chosen].radius = size));
  else if (workspace.draft) workspace.setDraft({ ...workspace.draft, radius: size });
}

export function wire() {
  button("picker-close").onclick = cancel;
  button("done").onclick = close;
  removeButton.onclick = remove;
  exact.oninput = () => recolor(exact.value);
  named.wire("named", recolor);
  eyedropper.wire("dropper", recolor);
  radius.oninput = resize;
  wheel.wire(() => exact.value, recolor);
}
