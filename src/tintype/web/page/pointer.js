// @ts-check
// What is done on the photograph itself: by mouse, pen and finger, and with the keyboard's cursor.

import * as brush from "./brush.js";
import * as certainty from "./certainty.js";
import { element } from "./dom.js";
import * as eyedropper from "./eyedropper.js";
import { movedCursor, pixelAt, pixelUnderCursor } from "./geometry.js";
import * as hints from "./hints.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./geometry.js").Point} Point */

export const TAP_DISTANCE = 8; // pixels of the screen: what moves more is no tap

const sheet = element("sheet", HTMLElement);
const cursor = element("cursor", HTMLElement);
/** @type {Point} in percent of the sides */
let cursorAt = { x: 50, y: 50 };
/** @type {Point | null} where the pointer went down, in the window */
let pressed = null;

/** @param {MouseEvent} event */
const placeIn = (event) => ({ x: event.clientX, y: event.clientY });

/**
 * @param {MouseEvent} event
 * @returns {Point | null} the pixel of the photograph that is shown
 */
function pixelOf(event) {
  const photo = workspace.current;
  return photo && pixelAt(placeIn(event), sheet.getBoundingClientRect(), photo);
}

/** Whether a tap is a hint: with its tool, and with any while the guesses are shown. */
const takesHints = () => workspace.tool === "hint" || certainty.isShown();

/** Whether a pointer on the photograph paints. */
const paints = () => ["brush", "grey"].includes(workspace.tool) && !takesPlaces();

/** Whether a tap means its place, for a hint or the eyedropper. */
const takesPlaces = () => takesHints() || eyedropper.isWaiting();

function showCursor() {
  cursor.hidden = false;
  cursor.style.left = `${cursorAt.x}%`;
  cursor.style.top = `${cursorAt.y}%`;
}

/** @param {PointerEvent} event the circle of the brush goes with a mouse and a pen */
function showCircle(event) {
  if (event.pointerType === "touch" || !paints()) return;
  const { left, top, width, height } = sheet.getBoundingClientRect();
  const { x, y } = placeIn(event);
  cursorAt = { x: (100 * (x - left)) / width, y: (100 * (y - top)) / height };
  showCursor();
}

/** @param {PointerEvent} event */
function down(event) {
  const { tool, current } = workspace;
  const asks = takesPlaces();
  if ((tool === "compare" && !asks) || current?.state !== "ready" || event.button) return;
  pressed = placeIn(event);
  if (asks) return;
  event.preventDefault();
  sheet.setPointerCapture(event.pointerId);
  const pixel = pixelOf(event);
  if (pixel) brush.begin(pixel);
  brush.draw();
}

/** @param {PointerEvent} event */
function move(event) {
  showCircle(event);
  if (!brush.isPainting()) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) {
    const pixel = pixelOf(one);
    if (pixel) brush.extend(pixel);
  }
  brush.draw();
}

/** @param {PointerEvent} event */
function up(event) {
  if (brush.isPainting()) {
    brush.end();
    return;
  }
  // A tap is a hint, a pan is not.
  const tapped =
    pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) < TAP_DISTANCE;
  const pixel = pixelOf(event);
  if (takesPlaces() && tapped && pixel) usePlace(pixel);
  pressed = null;
}

/** What the pointer is doing comes to nothing. */
export function cancel() {
  pressed = null;
  brush.cancel();
}

/** @param {KeyboardEvent} event */
function key(event) {
  const photo = workspace.current;
  if (event.target !== sheet || !photo) return;
  if (workspace.tool === "compare" && !takesHints()) return;
  if (cursor.hidden) {
    cursorAt = { x: 50, y: 50 };
  }
  const moved = movedCursor(cursorAt, event.key, event.shiftKey);
  if (moved) {
    event.preventDefault();
    cursorAt = moved;
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    useTool(pixelUnderCursor(cursorAt, photo));
  }
  showCursor();
}

/** @param {Point} pixel */
function usePlace(pixel) {
  if (eyedropper.isWaiting()) eyedropper.take(pixel);
  else hints.add(pixel);
}

/** @param {Point} pixel */
function useTool(pixel) {
  if (takesPlaces()) {
    usePlace(pixel);
    return;
  }
  brush.begin(pixel);
  brush.end();
}

export function wire() {
  sheet.addEventListener("pointerdown", down);
  sheet.addEventListener("pointermove", move);
  sheet.addEventListener("pointercancel", cancel);
  sheet.addEventListener("pointerup", up);
  sheet.addEventListener("pointerleave", () => (cursor.hidden = true));
  sheet.addEventListener("keydown", key);
}
