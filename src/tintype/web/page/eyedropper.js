// @ts-check
// The eyedropper: the next place that is pointed at gives its colour to a hint or the brush.

import { hexOfRgb, meanRgb } from "./color.js";
import { button, context2d, element } from "./dom.js";
import { patchAround } from "./geometry.js";
import { colorName } from "./names.js";
import { announce } from "./notices.js";
import { workspace } from "./workspace.js";

const PATCH = 3; // pixels along each side, of which the mean is taken

const after = element("after", HTMLImageElement);
const sheet = element("sheet", HTMLElement);
/** @typedef {{from: HTMLButtonElement, choose: (color: string) => void}} Taker */
/** @type {Taker | null} who waits for it */
let taker = null;

export const isWaiting = () => taker !== null;

/** @param {Taker | null} next */
function wait(next) {
  taker?.from.setAttribute("aria-pressed", "false");
  taker = next;
  taker?.from.setAttribute("aria-pressed", "true");
  document.body.toggleAttribute("data-sampling", isWaiting());
}

/** Whether a colour was waited for; it no longer is. */
export function cancel() {
  const was = isWaiting();
  wait(null);
  return was;
}

/** @param {import("./geometry.js").Point} pixel of the photograph */
export function take(pixel) {
  const photo = workspace.current;
  const done = taker;
  wait(null);
  if (!photo || !done || !after.naturalWidth) return;
  const drawn = { width: after.naturalWidth, height: after.naturalHeight };
  const { left, top, width, height } = patchAround(pixel, photo, drawn, PATCH);
  const pen = context2d(document.createElement("canvas"));
  pen.drawImage(after, left, top, width, height, 0, 0, width, height);
  const color = hexOfRgb(meanRgb(pen.getImageData(0, 0, width, height).data));
  done.choose(color);
  announce(colorName(color));
  if (document.activeElement === sheet) done.from.focus({ preventScroll: true });
}

/**
 * @param {string} id of the button
 * @param {(color: string) => void} choose
 */
export function wire(id, choose) {
  const from = button(id);
  from.onclick = () => {
    if (cancel()) return;
    wait({ from, choose });
    announce("Choose a place in the photograph.");
    sheet.focus({ preventScroll: true }); // the arrow keys and Enter work there
  };
}

/** Presses the button that can be seen. */
export function press() {
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll(".dropper"));
  [...buttons].find((one) => one.getClientRects().length)?.click();
}
