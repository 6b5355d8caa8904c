// @ts-check
// Zoom about a place, and panning: by buttons, wheel, keys and double clicks.

import * as certainty from "./certainty.js";
import { element, inside } from "./dom.js";
import {
  allowedZoom, isZoomed, oneToOne, turnedSize, zoomed, zoomedByWheel,
} from "./geometry.js";
import { refreshSharp } from "./preview.js";
import * as stage from "./stage.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./geometry.js").Point} Point */
/** @typedef {import("./geometry.js").ZoomStep} ZoomStep */

const PAN = 0.2; // of what can be seen, for a key

const scroller = element("scroller", HTMLElement);
const sheet = element("sheet", HTMLElement);
const fullButton = inside(document, '[data-zoom="full"]', HTMLButtonElement);

export const isZoomedIn = () => isZoomed(workspace.current?.zoom ?? 1);

/** The zoom at which a pixel of the photograph is one of the screen. */
function full() {
  const photo = workspace.current;
  return photo?.width ? oneToOne(turnedSize(photo), stage.room(), devicePixelRatio) : 1;
}

/** @returns {Point} the middle of what can be seen, in the window */
function middle() {
  const { left, top, width, height } = scroller.getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}

/**
 * Zooms so that what lies at one place of the window lies at another one afterwards.
 *
 * @param {number} zoom
 * @param {Point} from
 * @param {Point} [to]
 */
export function zoomTo(zoom, from, to = from) {
  const photo = workspace.current;
  if (!photo?.width) return;
  const old = sheet.getBoundingClientRect();
  const x = (from.x - old.left) / old.width;
  const y = (from.y - old.top) / old.height;
  photo.zoom = allowedZoom(zoom, full());
  stage.layOut();
  const now = sheet.getBoundingClientRect();
  scroller.scrollLeft += now.left + x * now.width - to.x;
  scroller.scrollTop += now.top + y * now.height - to.y;
  stage.divide();
  refreshSharp();
}

/**
 * @param {ZoomStep} step
 * @param {Point} [place] in the window
 */
function zoomBy(step, place = middle()) {
  zoomTo(zoomed(workspace.current?.zoom ?? 1, step, full()), place);
}

/** @param {Point} [place] in the window */
function toggle(place) {
  zoomBy(isZoomedIn() ? "fit" : full() > 1 ? "full" : "in", place);
}

/** @type {Record<string, () => void>} */
const KEYS = {
  "+": () => zoomBy("in"),
  "=": () => zoomBy("in"), // the same key without Shift
  "-": () => zoomBy("out"),
  0: () => zoomBy("fit"),
  z: () => toggle(),
};
/** @type {Record<string, [number, number]>} */
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @param {string} key
 * @param {boolean} free whether the arrows move nothing else
 * @returns {boolean} whether it means anything here
 */
export function press(key, free) {
  const way = WAYS[key];
  if (way && free && isZoomedIn()) {
    scroller.scrollBy(way[0] * PAN * scroller.clientWidth, way[1] * PAN * scroller.clientHeight);
    return true;
  }
  KEYS[key.toLowerCase()]?.();
  return key.toLowerCase() in KEYS;
}

/** @param {WheelEvent} event */
function turnWheel(event) {
  const photo = workspace.current;
  if (!photo) return;
  // Sideways it pans, which the scroller does by itself.
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
  event.preventDefault();
  zoomTo(zoomedByWheel(photo.zoom, event), { x: event.clientX, y: event.clientY });
}

/** 1:1 is of no use where every pixel of the photograph is seen already. */
function showFull() {
  const enough = full() <= 1;
  fullButton.disabled = enough;
  fullButton.title = enough ? "Already at full size or larger" : "Full size (Z)";
}

export function wire() {
  for (const event of /** @type {const} */ (["select", "change", "state"])) workspace.on(event, showFull);
  new ResizeObserver(showFull).observe(scroller);
  for (const step of /** @type {ZoomStep[]} */ (["in", "out", "fit", "full"])) {
    inside(document, `[data-zoom="${step}"]`, HTMLButtonElement).onclick = () => zoomBy(step);
  }
  scroller.addEventListener("wheel", turnWheel, { passive: false });
  scroller.addEventListener("dblclick", ({ clientX: x, clientY: y }) => {
    // For the other tools two clicks are two clicks.
    if (workspace.tool === "compare" && !certainty.isShown()) toggle({ x, y });
  });
}
