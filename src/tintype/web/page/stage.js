// @ts-check
// The photograph that is shown: its size in the window, the slider between before and after, zoom.

import { element, inside, input } from "./dom.js";
import { scrollAround, sheetSize, zoomed } from "./geometry.js";
import { refreshSoon } from "./preview.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */
/** @typedef {import("./geometry.js").ZoomStep} ZoomStep */

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
}

/**
 * Puts a picture in place of an earlier one, without a moment in which there is neither.
 *
 * @param {Photo} photo
 * @param {import("./photo.js").Side} side
 */
async function replace(photo, side) {
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
  if (photo.urls.after) pictures.after.src = photo.urls.after;
  await pictures.after.decode().catch(() => {});
  layOut();
}

function endSweep() {
  sheet.classList.remove("sweeping");
  // A transition that is under way goes on without its class.
  for (const animation of sheet.getAnimations()) animation.cancel();
}

function layOut() {
  const photo = workspace.current;
  if (!photo?.width) return;
  const padding = parseFloat(getComputedStyle(scroller).paddingLeft) * 2;
  const room = { width: scroller.clientWidth - padding, height: scroller.clientHeight - padding };
  const { width, height } = sheetSize(photo, room, photo.zoom);
  sheet.style.width = `${width}px`;
  sheet.style.height = `${height}px`;
  divide();
}

/** Shows as much of the grey photograph as the slider says; all in colour for the other tools. */
export function divide() {
  const colored = Boolean(workspace.current?.urls.after);
  const share = !colored ? 100 : workspace.tool === "compare" ? Number(compare.value) : 0;
  sheet.toggleAttribute("data-grey", !colored);
  sheet.style.setProperty("--share", `${share}%`);
  compare.setAttribute("aria-valuetext", `${Math.round(share)} percent grey`);
}

/** @param {ZoomStep} step */
function zoom(step) {
  const photo = workspace.current;
  if (!photo) return;
  const { scrollLeft, scrollTop, clientWidth, clientHeight } = scroller;
  const old = photo.zoom;
  photo.zoom = zoomed(old, step);
  layOut();
  const ratio = photo.zoom / old;
  scroller.scrollLeft = scrollAround(scrollLeft + clientWidth / 2, ratio, scroller.clientWidth);
  scroller.scrollTop = scrollAround(scrollTop + clientHeight / 2, ratio, scroller.clientHeight);
  refreshSoon();
}

export function wire() {
  compare.oninput = () => {
    endSweep();
    divide();
  };
  for (const step of /** @type {ZoomStep[]} */ (["in", "out", "fit"])) {
    const button = inside(document, `[data-zoom="${step}"]`, HTMLButtonElement);
    button.onclick = () => zoom(step);
  }
  scroller.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? "in" : "out");
    },
    { passive: false },
  );
  new ResizeObserver(layOut).observe(scroller);
}
