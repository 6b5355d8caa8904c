// @ts-check
// Strokes of the brush: colours, and what is to stay grey.

import { context2d, element, input } from "./dom.js";
import * as eyedropper from "./eyedropper.js";
import { brushRadius, extendStroke, longestSide } from "./geometry.js";
import * as named from "./named.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./geometry.js").Point} Point */
/** @typedef {import("./settings.js").Stroke} Stroke */

const LARGEST_CANVAS = 4096; // pixels; at 1:1 a large scan has many more
const LINGER_MS = 350; // the painted line stays until the picture has caught up

const canvas = element("stroke", HTMLCanvasElement);
const sheet = element("sheet", HTMLElement);
const after = element("after", HTMLElement); // as large as the photograph is shown, not turned
const size = input("brush-size");
const sizeText = element("brush-size-out", HTMLOutputElement);
const color = input("brush-color");
/** @type {Stroke | null} the one that is being painted */
let stroke = null;

export const isPainting = () => stroke !== null;

/** @param {Point} pixel of the photograph that is shown */
export function begin({ x, y }) {
  const photo = workspace.current;
  if (!photo) return;
  const radius = brushRadius(Number(size.value), photo.width, after.offsetWidth);
  stroke = { points: [[x, y]], radius };
  if (workspace.tool === "brush") stroke.color = color.value;
}

/** @param {Point} pixel */
export function extend(pixel) {
  if (stroke) extendStroke(stroke, pixel);
}

export function cancel() {
  stroke = null;
  draw();
}

export function end() {
  const done = stroke;
  if (!done) return;
  stroke = null;
  const grey = workspace.tool === "grey";
  workspace.change(null, (s) => (grey ? s.grey_strokes : s.strokes).push(done));
  setTimeout(draw, LINGER_MS);
}

export function draw() {
  canvas.hidden = !stroke;
  const photo = workspace.current;
  if (!stroke || !photo) return;
  const shown = { width: after.offsetWidth, height: after.offsetHeight };
  const less = Math.min(1, LARGEST_CANVAS / longestSide(shown));
  const [width, height] = [shown.width, shown.height].map((side) => Math.round(side * less));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const scale = width / photo.width;
  const pen = context2d(canvas);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.lineCap = pen.lineJoin = "round";
  pen.lineWidth = (2 * stroke.radius + 1) * scale;
  pen.strokeStyle = stroke.color || "#888";
  pen.beginPath();
  const [[x, y], ...rest] = stroke.points;
  pen.moveTo(x * scale, y * scale);
  for (const [nextX, nextY] of rest) pen.lineTo(nextX * scale, nextY * scale);
  if (!rest.length) pen.lineTo(x * scale + 0.1, y * scale); // a point alone would not be drawn
  pen.stroke();
}

export function showSize() {
  sizeText.value = size.value;
  sheet.style.setProperty("--brush", `${2 * Number(size.value)}px`);
}

/** @param {number} more in pixels of the screen */
export function changeSize(more) {
  size.value = String(Number(size.value) + more);
  showSize();
}

export function wire() {
  size.oninput = showSize;
  named.wire("brush-named", (chosen) => (color.value = chosen));
  eyedropper.wire("brush-dropper", (taken) => {
    color.value = taken;
    named.clear("brush-named");
  });
  color.oninput = () => named.clear("brush-named");
}
