// @ts-check
// Where the colours are a guess: the least certain part is hatched, over the grey photograph.

import * as api from "./api.js";
import { hatchFrom, LEAST_CERTAIN, leastCertainLevel } from "./color.js";
import { byTouch, context2d, element, input } from "./dom.js";
import { hatchSize } from "./geometry.js";
import { announce } from "./notices.js";
import { legendText } from "./photo_labels.js";
import { withPhoto } from "./resend.js";
import { workspace } from "./workspace.js";

const SIDE = 640; // of the map; it is no finer
const LINE = 2; // CSS pixels

const canvas = element("certainty", HTMLCanvasElement);
const legend = element("legend", HTMLElement);
const sheet = element("sheet", HTMLElement);
const box = input("show-certainty");
let peeking = false;
let drawnFor = ""; // the photograph and the request that the hatching is of

export const isShown = () => box.checked || peeking;

export async function refresh() {
  const shown = isShown();
  document.body.toggleAttribute("data-guesses", shown);
  canvas.hidden = legend.hidden = !shown;
  sheet.tabIndex = shown || workspace.tool !== "compare" ? 0 : -1;
  const photo = workspace.current;
  if (!shown || photo?.state !== "ready") return;
  const key = photo.id + JSON.stringify(photo.request());
  if (key === drawnFor) return;
  if (!drawnFor.startsWith(photo.id)) canvas.width = 0;
  drawnFor = key;
  try {
    const blob = await withPhoto(photo, () => api.certainty(photo.id, photo.request(), SIDE));
    const map = await createImageBitmap(blob);
    if (photo === workspace.current && key === drawnFor) draw(map);
  } catch (error) {
    drawnFor = "";
    announce(api.asApiError(error).message);
  }
}

/** @param {ImageBitmap} map */
function draw(map) {
  const pen = context2d(canvas);
  /** @param {{width: number, height: number}} size */
  const pixelsAt = ({ width, height }) => {
    canvas.width = width;
    canvas.height = height;
    pen.drawImage(map, 0, 0, width, height);
    return pen.getImageData(0, 0, width, height);
  };
  const level = leastCertainLevel(pixelsAt(map).data);
  // Hatched at the size on the screen: lines that are scaled would be blurred.
  const { size, scale } = hatchSize(map, canvas.offsetWidth, devicePixelRatio);
  const pixels = pixelsAt(size);
  hatchFrom(pixels.data, size.width, level, Math.max(1, Math.round(LINE * scale)));
  pen.putImageData(pixels, 0, 0);
}

/** @param {boolean} wanted whether it is shown for as long as a key is held */
export function peek(wanted) {
  if (peeking === wanted) return;
  peeking = wanted;
  refresh();
}

export function wire() {
  box.onchange = refresh;
  addEventListener("blur", () => peek(false));
  const legendLine = element("legend-text", HTMLElement);
  legendLine.textContent = legendText(byTouch(), LEAST_CERTAIN);
}
