// @ts-check
// The first screen, as far as it depends on the server: where photographs go, and what to try.

import { element } from "./dom.js";
import { promiseText, whereText } from "./labels.js";
import { workspace } from "./workspace.js";

export function show() {
  const { computer, pairs } = workspace.server;
  element("promise", HTMLElement).textContent = promiseText(computer);
  element("where", HTMLElement).textContent = whereText(computer);
  element("game", HTMLElement).hidden = !pairs;
}

/** Photographs to try, for those who have none at hand: only now, since others need none. */
export async function offerSamples() {
  if (workspace.photos.length) return;
  const samples = await import("./samples.js");
  samples.show();
}
