// @ts-check
// Vividness and warmth at once: the picture that is there is shown in about the colours that were
// set since it was asked for, until the server's comes. The picture at rest is the server's own.

import { toneMatrix } from "./color.js";
import { element } from "./dom.js";
import { workspace } from "./workspace.js";

const after = element("after", HTMLElement);
const matrix = element("shade-matrix", SVGElement);

/** Shows the difference between the picture that is there and the settings of its photograph. */
export function show() {
  const photo = workspace.current;
  const found = photo?.drawn && toneMatrix(toneOf(photo.drawn), toneOf(photo.settings));
  if (found) matrix.setAttribute("values", found.join(" "));
  after.classList.toggle("shaded", Boolean(found));
}

/** What is there is shown as it is, where the picture that was asked for does not come. */
export function hide() {
  after.classList.remove("shaded");
}

/**
 * @param {{vividness: number | null, warmth: number}} settings
 * @returns {import("./color.js").Tone}
 */
const toneOf = ({ vividness, warmth }) => ({
  vividness: vividness ?? workspace.server.vividness,
  warmth,
});
