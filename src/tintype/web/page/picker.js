// @ts-check
// The dialog for the colour of one hint: suggestions, wheel, exact value, size.

import * as api from "./api.js";
import { button, element, input } from "./dom.js";
import { percentOfPossible } from "./labels.js";
import { besidePlace, placeOf, radiusOfSlider, sliderOfRadius } from "./geometry.js";
import { announce } from "./notices.js";
import { withoutHint } from "./settings.js";
import * as wheel from "./wheel.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./api.js").Suggestions} Suggestions */

const dialog = element("picker", HTMLDialogElement);
const suggestions = element("suggestions", HTMLElement);
const exact = input("exact");
const radius = input("radius");
const sheet = element("sheet", HTMLElement);
/** @type {number | null} index of the hint that the dialog is about */
let index = null;

/** The hint that the dialog is about, where there is one. */
function currentHint() {
  return index === null ? undefined : workspace.current?.settings.hints[index];
}

/**
 * @param {number} wanted index of a hint of the photograph that is shown
 * @param {Suggestions} [found] where they are known already
 */
export async function open(wanted, found) {
  const photo = workspace.current;
  if (!photo) return;
  index = wanted;
  const hint = photo.settings.hints[wanted];
  if (!dialog.open) dialog.show();
  synchronize();
  place();
  suggestions.replaceChildren();
  if (!found) {
    try {
      const request = withoutHint(photo.request(), wanted);
      found = await api.suggestions(photo.id, request, hint.x, hint.y);
    } catch (error) {
      announce(api.asApiError(error).message);
      return;
    }
  }
  if (index !== wanted) return;
  suggestions.append(...found.suggestions.map(suggestionButton));
  synchronize();
  suggestions.querySelector("button")?.focus({ preventScroll: true });
}

/** @param {Suggestions["suggestions"][number]} suggestion */
function suggestionButton({ color, share }) {
  const made = document.createElement("button");
  const swatch = document.createElement("i");
  swatch.style.background = color;
  const text = percentOfPossible(share);
  made.append(swatch, text);
  made.dataset.color = color;
  made.setAttribute("aria-label", `${color}, ${text}`);
  made.onclick = () => recolor(color);
  return made;
}

/** Beside the place, and always whole. */
function place() {
  const hint = currentHint();
  const photo = workspace.current;
  if (!dialog.open || !hint || !photo) return;
  const { left, top } = besidePlace(
    placeOf(hint, sheet.getBoundingClientRect(), photo),
    { width: dialog.offsetWidth, height: dialog.offsetHeight },
    { width: innerWidth, height: innerHeight },
  );
  dialog.style.left = `${left}px`;
  dialog.style.top = `${top}px`;
}

/** @param {string} color as #rrggbb */
function recolor(color) {
  const chosen = index;
  if (chosen === null) return;
  workspace.change(`hint${chosen}`, (s) => (s.hints[chosen].color = color));
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
    child.setAttribute("aria-pressed", String(child.dataset.color === hint.color));
  }
  wheel.draw(hint.color);
}

export function close() {
  index = null;
  if (dialog.open) dialog.close();
}

function remove() {
  const removed = index;
  close();
  if (removed !== null) workspace.change(null, (s) => s.hints.splice(removed, 1));
}

function resize() {
  const chosen = index;
  const photo = workspace.current;
  if (chosen === null || !photo) return;
  const size = radiusOfSlider(Number(radius.value), photo);
  workspace.change(`radius${chosen}`, (s) => (s.hints[chosen].radius = size));
}

export function wire() {
  button("picker-close").onclick = close;
  button("done").onclick = close;
  button("remove").onclick = remove;
  exact.oninput = () => recolor(exact.value);
  radius.oninput = resize;
  wheel.wire(() => exact.value, recolor);
  new ResizeObserver(place).observe(dialog);
}
