// @ts-check
// The photograph that is shown: its size in the window, and the slider between before and after.

import { element, inside, input } from "./dom.js";
import { isZoomed, sheetSize, turnedSize, visiblePart } from "./geometry.js";
import * as shade from "./shade.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */

const main = element("workspace", HTMLElement);
const areas = ["stage", "panel", "filmstrip"].map((id) => element(id, HTMLElement));
const scroller = element("scroller", HTMLElement);
const sheet = element("sheet", HTMLElement);
const pictures = {
  after: element("after", HTMLImageElement),
  before: element("before", HTMLImageElement),
};
const SWEEP_MS = 1200; // longer than the transition in page.css

const compare = input("compare");
const handle = inside(document, "#divider i", HTMLElement);

/** @param {boolean} open whether there is a photograph */
export function showOpen(open) {
  main.dataset.state = open ? "ready" : "empty";
  for (const area of areas) area.hidden = !open;
}

/** @type {Photo | null} */
let shown = null;

/** @param {Photo} photo */
export function show(photo) {
  for (const side of /** @type {const} */ (["after", "before"])) {
    if (!photo.urls[side]) pictures[side].removeAttribute("src");
    else if (photo === shown && pictures[side].src) replace(photo, side);
    else put(photo, side);
  }
  shown = photo;
  pictures.after.alt = `${photo.name}, coloured`;
  pictures.before.alt = `${photo.name}, original`;
  layOut();
}

/**
 * @param {Photo} photo
 * @param {import("./photo.js").Side} side
 */
function put(photo, side) {
  pictures[side].src = photo.urls[side] ?? "";
  if (side === "before") pictures.before.classList.toggle("own", photo.ownCopy);
  else shade.show();
}

/**
 * Puts a picture in place of an earlier one, without a moment in which there is neither.
 *
 * @param {Photo} photo
 * @param {import("./photo.js").Side} side
 */
export async function replace(photo, side) {
  const url = photo.urls[side];
  if (!url || pictures[side].src === url) return;
  const next = new Image();
  next.src = url;
  await next.decode().catch(() => {});
  if (photo === workspace.current && photo.urls[side] === url) put(photo, side);
}

/** Resolves when the grey picture is on the screen. */
export async function painted() {
  await pictures.before.decode().catch(() => {});
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  await frame(); // drawn with this one
  await frame();
}

/**
 * Colour sweeps over the grey photograph, as far as the slider says.
 *
 * @param {Photo} photo the one that is shown, whose first picture has come
 */
export async function showFirst(photo) {
  sheet.classList.add("sweeping");
  setTimeout(endSweep, SWEEP_MS);
  if (photo.urls.after) put(photo, "after");
  await pictures.after.decode().catch(() => {});
  layOut();
}

function endSweep() {
  sheet.classList.remove("sweeping");
  // A transition that is under way goes on without its class.
  for (const animation of sheet.getAnimations()) animation.cancel();
}

/** @returns {import("./geometry.js").Size} what there is for a photograph at a zoom of 1 */
export function room() {
  const padding = parseFloat(getComputedStyle(scroller).paddingLeft) * 2;
  return { width: scroller.clientWidth - padding, height: scroller.clientHeight - padding };
}

export function layOut() {
  const photo = workspace.current;
  if (!photo?.width) return;
  const { width, height } = sheetSize(turnedSize(photo), room(), photo.zoom);
  const turned = photo.rotation % 180 !== 0;
  sheet.style.width = `${width}px`;
  sheet.style.height = `${height}px`;
  // Of what lies on it, before it is turned.
  sheet.style.setProperty("--across", `${turned ? height : width}px`);
  sheet.style.setProperty("--down", `${turned ? width : height}px`);
  sheet.dataset.rotation = String(photo.rotation);
  document.body.toggleAttribute("data-zoomed", isZoomed(photo.zoom));
  divide();
}

/** @returns {import("./geometry.js").Box} what can be seen of the sheet, in its pixels */
export function visible() {
  return visiblePart(sheet.getBoundingClientRect(), scroller.getBoundingClientRect());
}

/**
 * Shows as much of the grey photograph as the slider says; all in colour for the other tools. Where
 * only a part of the photograph can be seen, the slider divides that part.
 */
export function divide() {
  const { current, tool } = workspace;
  const colored = Boolean(current?.urls.after);
  const share = !colored ? 100 : tool === "compare" ? Number(compare.value) : 0;
  sheet.toggleAttribute("data-grey", !colored);
  compare.setAttribute("aria-valuetext", `${Math.round(share)} percent grey`);
  const whole = !colored || tool !== "compare" || !current || !isZoomed(current.zoom);
  const { left, top, width, height } = visible();
  const place = (left + (share / 100) * width) / (sheet.offsetWidth || 1);
  sheet.style.setProperty("--share", whole ? `${share}%` : `${100 * place}%`);
  sheet.style.setProperty("--middle", whole ? "50%" : `${top + height / 2}px`);
}

/** @param {PointerEvent} start on the handle of the slider, where the photograph itself is moved */
function dragHandle(start) {
  if (start.button) return;
  handle.setPointerCapture(start.pointerId);
  handle.onpointermove = ({ clientX }) => {
    const { left, width } = visible();
    const x = clientX - sheet.getBoundingClientRect().left;
    compare.value = String((100 * (x - left)) / width);
    endSweep();
    divide();
  };
  handle.onpointerup = handle.onpointercancel = () => (handle.onpointermove = null);
}

export function wire() {
  compare.oninput = () => {
    endSweep();
    divide();
  };
  handle.onpointerdown = dragHandle;
  scroller.addEventListener("scroll", divide);
  new ResizeObserver(layOut).observe(scroller);
}
