// @ts-check
// The coloured picture on the screen: asked for quickly while something moves, sharply afterwards.

import * as api from "./api.js";
import * as certainty from "./certainty.js";
import { element } from "./dom.js";
import * as filmstrip from "./filmstrip.js";
import { previewSide, quickSide } from "./geometry.js";
import { complain } from "./notices.js";
import * as palettes from "./palettes.js";
import { notRenderedText } from "./photo_labels.js";
import { LatestOnly, Queue } from "./queue.js";
import { withPhoto } from "./resend.js";
import * as shade from "./shade.js";
import * as stage from "./stage.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */

const SETTLE_MS = 280;
const HIDDEN_SIDE = 1200; // taken for the size on the screen of a photograph that is not shown

const after = element("after", HTMLImageElement);
const sheet = element("sheet", HTMLElement);
const renders = new LatestOnly(render, () => after.removeAttribute("aria-busy"));
const hidden = new Queue(1, renderHidden);
let settleTimer = 0;
let shownFor = ""; // the photograph and the request of the picture that is shown

/** @param {Photo} photo */
const keyOf = (photo) => photo.key + JSON.stringify(photo.request());

/**
 * The longest side of a sharp picture, in pixels.
 *
 * @param {Photo} photo
 */
export function fullSide(photo) {
  const shown = Math.max(sheet.offsetWidth, sheet.offsetHeight);
  return previewSide(photo, photo === workspace.current ? shown : HIDDEN_SIDE, devicePixelRatio);
}

/**
 * @param {boolean} quick
 * @param {AbortSignal} signal ends it where it is out of date
 */
async function render(quick, signal) {
  const photo = workspace.current;
  if (photo?.state !== "ready") return;
  after.setAttribute("aria-busy", "true");
  try {
    const side = quick ? quickSide(photo) : fullSide(photo);
    const key = keyOf(photo);
    const request = photo.request();
    const how = { draft: quick, signal };
    const blob = await withPhoto(photo, () => api.preview(photo.id, request, side, how));
    const url = photo.setPicture("after", blob, request);
    filmstrip.showPicture(photo);
    if (photo !== workspace.current) return;
    shownFor = key;
    await stage.replace(photo, "after");
    if (photo.urls.after !== url) return;
    after.dataset.drawn = String(Number(after.dataset.drawn ?? 0) + 1);
  } catch (error) {
    if (signal.aborted) return;
    if (photo === workspace.current) shade.hide();
    complain(notRenderedText(photo.name), api.asApiError(error), refreshSoon);
  }
}

/** @param {Photo} photo in the strip alone */
async function renderHidden(photo) {
  const ready = photo.state === "ready" && workspace.photos.includes(photo);
  if (!ready || photo === workspace.current) return;
  const request = photo.request();
  const ask = () => api.preview(photo.id, request, quickSide(photo), { draft: true });
  try {
    photo.setPicture("after", await withPhoto(photo, ask), request);
    filmstrip.showPicture(photo);
  } catch (error) {
    complain(notRenderedText(photo.name), api.asApiError(error), () => refreshHidden(photo));
  }
}

/** @param {Photo} photo that was changed while another one is shown */
export const refreshHidden = (photo) => hidden.add(photo);

/** @param {boolean} quick */
async function refresh(quick) {
  if (workspace.current?.state === "ready") await renders.request(quick);
}

function refreshRest() {
  palettes.refreshSoon();
  certainty.refresh();
}

/** The picture, and then what goes with it: the palettes and the map of certainty. */
export async function refreshAll() {
  await refresh(false);
  refreshRest();
}

/** @param {() => void} work what is done when nothing moves any more */
function settle(work) {
  clearTimeout(settleTimer);
  settleTimer = window.setTimeout(work, SETTLE_MS);
}

/** Quickly now, and everything sharply when nothing moves any more. */
export function refreshSoon() {
  shade.show();
  palettes.stop();
  refresh(true);
  settle(() => {
    refresh(false);
    refreshRest();
  });
}

/** The picture of settings that were changed: nothing where it is there, as when it is turned. */
export function refreshChanged() {
  const photo = workspace.current;
  if (photo && keyOf(photo) !== shownFor) refreshSoon();
  else {
    shade.show();
    refreshSharp();
  }
}

/** A sharper picture where it is shown larger than it is, when nothing moves any more. */
export function refreshSharp() {
  settle(() => {
    const photo = workspace.current;
    if (!photo) return;
    const changed = keyOf(photo) !== shownFor;
    const there = Math.max(after.naturalWidth, after.naturalHeight);
    if (changed || there < fullSide(photo)) refresh(false);
    if (changed) refreshRest();
  });
}
