// @ts-check
// The overlay that shows where the colours are a guess.

import * as api from "./api.js";
import { tintUncertainty } from "./color.js";
import { context2d, element, input } from "./dom.js";
import { announce } from "./notices.js";
import { withPhoto } from "./resend.js";
import { workspace } from "./workspace.js";

const SIDE = 640;

const canvas = element("certainty", HTMLCanvasElement);
const box = input("show-certainty");

export async function refresh() {
  canvas.hidden = !box.checked;
  const photo = workspace.current;
  if (canvas.hidden || photo?.state !== "ready") return;
  try {
    const blob = await withPhoto(photo, () => api.certainty(photo.id, photo.request(), SIDE));
    const map = await createImageBitmap(blob);
    if (photo !== workspace.current) return;
    canvas.width = map.width;
    canvas.height = map.height;
    const pen = context2d(canvas);
    pen.drawImage(map, 0, 0);
    const pixels = pen.getImageData(0, 0, map.width, map.height);
    tintUncertainty(pixels.data);
    pen.putImageData(pixels, 0, 0);
  } catch (error) {
    announce(api.asApiError(error).message);
  }
}

export function toggle() {
  box.checked = !box.checked;
  refresh();
}

export function wire() {
  box.onchange = refresh;
}
