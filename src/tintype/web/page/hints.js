// @ts-check
// Hints: places with a colour, as marks on the photograph.

import * as api from "./api.js";
import { element } from "./dom.js";
import { newHintRadius, percentAlong, pixelAt, stepTurnedBack } from "./geometry.js";
import { colorName } from "./names.js";
import { complain } from "./notices.js";
import { noSuggestionsText } from "./photo_labels.js";
import * as picker from "./picker.js";
import { withPhoto } from "./resend.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./settings.js").Hint} Hint */
/** @typedef {import("./photo.js").Photo} Photo */

const DRAG_DISTANCE = 5; // pixels of the screen: what moves less is a click
/** @type {Record<string, [number, number]>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAR = 10; // pixels of the photograph for one step with Shift

const marks = element("marks", HTMLElement);
const sheet = element("sheet", HTMLElement);
/** Counts the places that were pointed at: an answer for an earlier one comes too late. */
let latest = 0;

export function draw() {
  const focused = [...marks.children].indexOf(document.activeElement ?? marks);
  marks.replaceChildren();
  const photo = workspace.current;
  if (!photo?.width) return;
  marks.append(...photo.settings.hints.map((hint, index) => markOf(hint, index, photo)));
  if (workspace.draft) {
    const mark = document.createElement("i");
    mark.className = "draft";
    moveTo(mark, workspace.draft, photo);
    marks.append(mark);
  }
  const again = marks.children[focused];
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}

/**
 * @param {HTMLElement} mark
 * @param {{x: number, y: number}} place
 * @param {Photo} photo
 */
function moveTo(mark, place, photo) {
  mark.style.left = `${percentAlong(place.x, photo.width)}%`;
  mark.style.top = `${percentAlong(place.y, photo.height)}%`;
}

/**
 * @param {Hint} hint
 * @param {number} index
 * @param {Photo} photo
 */
function markOf(hint, index, photo) {
  const mark = document.createElement("button");
  moveTo(mark, hint, photo);
  mark.style.background = hint.color;
  mark.setAttribute("aria-label", `Hint ${index + 1}, ${colorName(hint.color)}`);
  mark.setAttribute("aria-keyshortcuts", "Delete");
  mark.onkeydown = (event) => pressOn(event, index, photo);
  mark.onclick = (event) => event.stopPropagation();
  mark.onpointerdown = (event) => drag(event, mark, index, photo);
  return mark;
}

/**
 * A mark follows the pointer; where it is released the hint is. Without a movement it is a click.
 *
 * @param {PointerEvent} start
 * @param {HTMLElement} mark
 * @param {number} index
 * @param {Photo} photo
 */
function drag(start, mark, index, photo) {
  start.stopPropagation();
  if (start.button) return;
  mark.setPointerCapture(start.pointerId);
  let moved = false;
  /** @param {PointerEvent} event */
  const placeOf = (event) =>
    pixelAt({ x: event.clientX, y: event.clientY }, sheet.getBoundingClientRect(), photo);
  mark.onpointermove = (event) => {
    const apart = Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY);
    moved ||= apart >= DRAG_DISTANCE;
    if (moved) moveTo(mark, placeOf(event), photo);
  };
  mark.onpointercancel = draw;
  mark.onpointerup = (event) => {
    mark.onpointermove = mark.onpointerup = null;
    if (!moved) picker.open(index);
    else workspace.change(null, (s) => Object.assign(s.hints[index], placeOf(event)), photo);
  };
}

/**
 * @param {KeyboardEvent} event
 * @param {number} index
 * @param {Photo} photo
 */
function pressOn(event, index, photo) {
  const step = STEPS[event.key] && stepTurnedBack(STEPS[event.key], photo.rotation);
  if (event.key === "Delete" || event.key === "Backspace") {
    picker.close();
    workspace.change(null, (s) => s.hints.splice(index, 1), photo);
  } else if (event.key === "Enter" || event.key === " ") {
    picker.open(index);
  } else if (step) {
    const by = event.shiftKey ? FAR : 1;
    const { x, y } = photo.settings.hints[index];
    workspace.change(`move${index}`, (s) => {
      s.hints[index].x = Math.min(photo.width - 1, Math.max(0, x + by * step[0]));
      s.hints[index].y = Math.min(photo.height - 1, Math.max(0, y + by * step[1]));
    }, photo);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

/**
 * Offers colours for a place. Nothing changes until one of them is chosen.
 *
 * @param {import("./geometry.js").Point} pixel of the photograph that is shown
 */
export async function add({ x, y }) {
  const photo = workspace.current;
  if (!photo) return;
  latest += 1;
  const asked = latest;
  let found;
  try {
    found = await withPhoto(photo, () => api.suggestions(photo.id, photo.request(), x, y));
  } catch (error) {
    complain(noSuggestionsText(photo.name), api.asApiError(error), () => add({ x, y }));
    return;
  }
  if (asked !== latest || photo !== workspace.current) return;
  picker.openNew({ x, y, color: found.now, radius: newHintRadius(photo) }, found);
}
