// @ts-check
// Other plausible colours of the whole photograph, each with its share.

import * as api from "./api.js";
import { element } from "./dom.js";
import { paletteLabel, percent } from "./labels.js";
import { announce } from "./notices.js";
import { withPhoto } from "./resend.js";
import { PALETTES } from "./settings.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */
/**
 * @typedef {object} Choice
 * @property {HTMLInputElement} radio
 * @property {HTMLImageElement} picture
 * @property {HTMLSpanElement} share
 */

const DELAY_MS = 250;
const THUMBNAIL_SIDE = 132;

const box = element("palettes", HTMLElement);
/** @type {Choice[]} */
const choices = [];
let shownFor = ""; // the photograph and the request that the choices are of
let timer = 0;

export function wire() {
  for (let number = 1; number <= PALETTES; number++) {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = "palette";
    radio.value = String(number);
    radio.checked = number === 1;
    const picture = document.createElement("img");
    picture.alt = "";
    const share = document.createElement("span");
    share.textContent = "…";
    label.append(radio, picture, share);
    radio.onchange = () =>
      workspace.change("palette", (s) => (s.palette = number === 1 ? 0 : number));
    box.append(label);
    choices.push({ radio, picture, share });
  }
}

export function showSettings() {
  const chosen = workspace.current?.settings.palette || 1;
  choices.forEach(({ radio }, index) => (radio.checked = index + 1 === chosen));
}

export function clear() {
  shownFor = "";
  for (const { picture, share } of choices) {
    picture.removeAttribute("src");
    share.textContent = "…";
  }
}

export function refreshSoon() {
  clearTimeout(timer);
  timer = window.setTimeout(refresh, DELAY_MS);
}

async function refresh() {
  const photo = workspace.current;
  if (photo?.state !== "ready" || !workspace.server.capabilities.includes("logits")) return;
  const key = photo.id + JSON.stringify(photo.request(0));
  if (key === shownFor) return;
  shownFor = key;
  try {
    const shares = await withPhoto(photo, () =>
      api.palettes(photo.id, { ...photo.request(0), palettes: PALETTES }),
    );
    for (let number = 1; number <= PALETTES; number++) {
      const blob = await api.preview(photo.id, photo.request(number), THUMBNAIL_SIDE);
      if (photo !== workspace.current || key !== shownFor) return;
      show(number, blob, shares[number - 1]);
    }
  } catch (error) {
    const problem = api.asApiError(error);
    if (problem.status !== 404) announce(problem.message);
  }
}

/**
 * @param {number} number of the palette, from 1
 * @param {Blob} blob
 * @param {number} share 0 to 1
 */
function show(number, blob, share) {
  const choice = choices[number - 1];
  if (choice.picture.src) URL.revokeObjectURL(choice.picture.src);
  choice.picture.src = URL.createObjectURL(blob);
  const text = percent(share);
  choice.share.textContent = text;
  choice.radio.setAttribute("aria-label", paletteLabel(number, text));
}
