// @ts-check
// The photograph moves with the pointer where it is larger than the stage; two fingers pinch it.

import * as certainty from "./certainty.js";
import { element, input } from "./dom.js";
import * as pointer from "./pointer.js";
import { divide } from "./stage.js";
import { workspace } from "./workspace.js";
import { isZoomedIn, zoomTo } from "./zoom.js";

/** @typedef {import("./geometry.js").Point} Point */

const OWN_DRAGS = "#marks button, #divider i"; // what is dragged by itself
const [LEFT, MIDDLE] = [0, 1];

const scroller = element("scroller", HTMLElement);
const compare = input("compare");
/** @type {Map<number, Point>} the fingers on the stage, by their ids */
const fingers = new Map();
/** @type {{distance: number, middle: Point} | null} */
let pinch = null;
let compared = compare.value; // when the first finger came
/** Whether a finger that is left over from a pinch is still there: what it does means nothing. */
let ending = false;
/** @type {{id: number, from: Point, left: number, top: number, moved: boolean} | null} */
let pan = null;

/** @param {PointerEvent} event */
const placeOf = ({ clientX, clientY }) => ({ x: clientX, y: clientY });

function spread() {
  const [one, other] = [...fingers.values()];
  return {
    distance: Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)),
    middle: { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 },
  };
}

/** Whether dragging is painting. */
const paints = () => ["brush", "grey"].includes(workspace.tool) && !certainty.isShown();

/** @param {PointerEvent} event */
function down(event) {
  if (event.pointerType === "touch") {
    fingers.set(event.pointerId, placeOf(event));
    if (fingers.size === 1) compared = compare.value;
    if (fingers.size === 2) {
      pointer.cancel();
      pan = null;
      pinch = spread();
      compare.value = compared;
      divide();
    }
    if (fingers.size > 1 || ending) {
      event.stopPropagation();
      return;
    }
  }
  if (event.target instanceof Element && event.target.closest(OWN_DRAGS)) return;
  const drags = event.button === MIDDLE || (event.button === LEFT && !paints());
  if (!isZoomedIn() || !drags) return;
  if (event.button === MIDDLE) event.preventDefault(); // no scrolling by itself
  const { scrollLeft: left, scrollTop: top } = scroller;
  pan = { id: event.pointerId, from: placeOf(event), left, top, moved: false };
}

/** @param {PointerEvent} event */
function move(event) {
  const place = placeOf(event);
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, place);
  if (pinch && fingers.size === 2) {
    event.stopPropagation();
    const now = spread();
    const zoom = (workspace.current?.zoom ?? 1) * (now.distance / pinch.distance);
    zoomTo(zoom, pinch.middle, now.middle);
    pinch = now;
  } else if (pan?.id === event.pointerId) {
    const { from, left, top } = pan;
    const [x, y] = [place.x - from.x, place.y - from.y];
    if (!pan.moved && Math.hypot(x, y) < pointer.TAP_DISTANCE) return;
    if (!pan.moved) scroller.setPointerCapture(event.pointerId);
    pan.moved = true;
    scroller.scrollLeft = left - x;
    scroller.scrollTop = top - y;
  }
}

/** @param {PointerEvent} event */
function up(event) {
  if (pan?.id === event.pointerId) pan = null;
  if (!fingers.delete(event.pointerId)) return;
  if (pinch || ending) event.stopPropagation(); // no tap
  ending = (pinch !== null || ending) && fingers.size > 0;
  pinch = null;
}

export function wire() {
  // Before what lies on the stage: a second finger ends what the first one began.
  const first = { capture: true };
  scroller.addEventListener("pointerdown", down, first);
  scroller.addEventListener("pointermove", move, first);
  scroller.addEventListener("pointerup", up, first);
  scroller.addEventListener("pointercancel", up, first);
  // The slider under the first finger goes on following it.
  compare.addEventListener("input", () => {
    if (pinch || ending) compare.value = compared;
  }, first);
}
