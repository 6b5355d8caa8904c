// @ts-check
// Looks: other plausible colours of the whole photograph, named by how they differ.

import * as api from "./api.js";
import { element } from "./dom.js";
import { quickSide } from "./geometry.js";
import { announce } from "./notices.js";
import { lookLabel } from "./photo_labels.js";
import { withPhoto } from "./resend.js";
import { PALETTES } from "./settings.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */
/**
 * @typedef {object} Choice
 * @property {HTMLLabelElement} item
 * @property {HTMLInputElement} radio
 * @property {HTMLImageElement} picture
 * @property {HTMLSpanElement} name
 */

const DELAY_MS = 250;

const box = element("palettes", HTMLElement);
const large = element("look", HTMLImageElement);
/** @type {Choice[]} */
const choices = [];
let shownFor = ""; // the photograph and the request that the choices are of
let timer = 0;
/** @type {AbortController | null} ends what is asked for */
let underway = null;

export function wire() {
  for (let number = 1; number <= PALETTES; number++) {
    const item = document.createElement("label");
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = "palette";
    radio.value = String(number);
    radio.checked = number === 1;
    const picture = document.createElement("img");
    picture.alt = "";
    const name = document.createElement("span");
    item.append(radio, picture, name);
    radio.onchange = () =>
      workspace.change("palette", (s) => (s.palette = number === 1 ? 0 : number));
    // Moved there: one that comes to lie under a pointer at rest was not pointed at.
    item.onpointermove = ({ pointerType }) => {
      if (pointerType !== "touch") showLarge(picture.src, radio);
    };
    item.onpointerleave = hideLarge;
    radio.onfocus = () => showLarge(picture.src, radio);
    radio.onblur = hideLarge;
    box.append(item);
    choices.push({ item, radio, picture, name });
  }
  workspace.on("change", hideLarge);
}

/**
 * Shows a look in place of the photograph. The one that is chosen is there already, and sharper.
 *
 * @param {string} url empty where it is still being made
 * @param {HTMLInputElement} radio
 */
function showLarge(url, radio) {
  if (!url || radio.checked || radio.disabled) return;
  if (large.src !== url) large.src = url;
  large.hidden = false;
}

function hideLarge() {
  large.hidden = true;
}

export function showSettings() {
  const chosen = workspace.current?.settings.palette || 1;
  choices.forEach(({ radio }, index) => (radio.checked = index + 1 === chosen));
  box.dataset.rotation = String(workspace.current?.rotation ?? 0);
}

export function clear() {
  shownFor = "";
  hideLarge();
  for (const { item, picture, name } of choices) {
    item.hidden = false;
    picture.removeAttribute("src");
    name.textContent = "…";
  }
}

/** Ends what is asked for: it would be out of date, and takes time from what has changed. */
export function stop() {
  clearTimeout(timer);
  if (!underway) return;
  underway.abort();
  underway = null;
  shownFor = "";
}

export function refreshSoon() {
  clearTimeout(timer);
  timer = window.setTimeout(refresh, DELAY_MS);
}

async function refresh() {
  const photo = workspace.current;
  if (photo?.state !== "ready" || !workspace.server.capabilities.includes("logits")) return;
  const chosen = photo.settings.palette || 1;
  const key = photo.id + JSON.stringify(photo.request(0));
  if (key === shownFor) return;
  shownFor = key;
  underway?.abort();
  const end = new AbortController();
  const { signal } = end;
  underway = end;
  try {
    const looks = await withPhoto(photo, () =>
      api.looks(photo.id, { ...photo.request(0), palettes: PALETTES }, signal),
    );
    if (photo !== workspace.current || key !== shownFor) return;
    choices.forEach(({ item }, index) => (item.hidden = !looks[index] && index + 1 !== chosen));
    for (const { item, radio, picture, name } of choices) {
      if (item.hidden) continue;
      const request = photo.request(Number(radio.value));
      const blob = await api.preview(photo.id, request, quickSide(photo), { signal });
      if (photo !== workspace.current || key !== shownFor) return;
      if (picture.src) URL.revokeObjectURL(picture.src);
      picture.src = URL.createObjectURL(blob);
      name.textContent = lookLabel(looks[Number(radio.value) - 1]);
    }
  } catch (error) {
    const problem = api.asApiError(error);
    if (problem.status !== 404 && !signal.aborted) announce(problem.message);
  } finally {
    if (underway === end) underway = null;
  }
}
