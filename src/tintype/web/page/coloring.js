// @ts-check
// Photographs are sent to the server and coloured for the first time.

import * as api from "./api.js";
import { quickSide } from "./geometry.js";
import { announce, complain, wireFailure } from "./notices.js";
import { noGreyText } from "./photo_labels.js";
import { fullSide } from "./preview.js";
import { Queue } from "./queue.js";
import * as removal from "./removal.js";
import { withPhoto } from "./resend.js";
import * as reveal from "./reveal.js";
import { show, showFirst } from "./stage.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */

const AT_ONCE = 2;
const ATTEMPTS = 40; // a folder of photographs may wait long for its turn

const LOOK_MS = 2000; // how often it looks whether a server responds that did not
let looking = false;

const queue = new Queue(AT_ONCE, color);

/** @param {Photo[]} photos those of them that wait are coloured before all others */
export const prefer = (photos) => queue.prefer(...photos);

/** @param {(progress: import("./queue.js").Progress) => void} listener */
export function onProgress(listener) {
  queue.onProgress = listener;
}

/** @param {Photo} photo that is shown: while it waits, it goes before the others */
export function colorNext(photo) {
  queue.prefer(photo);
}

/** @param {Photo} photo that was added: new, or back again and perhaps never coloured */
export function colorSoon(photo) {
  if (photo.state === "waiting") queue.add(photo);
}

/**
 * The grey picture of a photograph that was worked on before, if it is missing.
 *
 * @param {Photo} photo the one that is shown
 */
export async function fetchGrey(photo) {
  if (photo.urls.before) return;
  try {
    const blob = await withPhoto(photo, () => api.grey(photo.id, fullSide(photo)));
    photo.setPicture("before", blob);
    if (photo === workspace.current) show(photo);
  } catch (error) {
    complain(noGreyText(photo.name), api.asApiError(error), () => fetchGrey(photo));
  }
}

/** @param {Photo} photo */
async function color(photo) {
  if (!workspace.photos.includes(photo) || photo.state !== "waiting") return false;
  workspace.setState(photo, "working");
  try {
    await Promise.resolve(); // until one of those that were added is shown
    await reveal.settled();
    if (isGone(photo)) return false;
    const onWait = () => workspace.setState(photo, "delayed");
    photo.describe(await api.addPhoto(photo.file, { onWait, attempts: ATTEMPTS }));
    if (isGone(photo)) return false;
    if (!photo.urls.before) {
      photo.setPicture("before", await api.grey(photo.id, quickSide(photo)));
      workspace.setState(photo, "working");
      if (photo === workspace.current) show(photo);
    }
    const request = photo.request();
    const first = () => api.preview(photo.id, request, quickSide(photo), { draft: true });
    const picture = await withPhoto(photo, first);
    if (isGone(photo)) return false;
    photo.setPicture("after", picture, request);
    workspace.setState(photo, "ready");
    if (photo === workspace.current) showFirst(photo);
    photo.setPicture("before", await api.grey(photo.id, fullSide(photo)));
    if (photo === workspace.current) await workspace.select(photo);
  } catch (error) {
    if (isGone(photo)) return false;
    photo.error = api.asApiError(error);
    workspace.setState(photo, "failed");
    if (isUnanswered(photo)) goOnLater();
    if (photo !== workspace.current) announce(photo.error.message);
    if (photo === workspace.current) workspace.select(photo);
  }
  return true;
}

/**
 * Whether a photograph was removed while it was coloured. It waits again, in case that is undone,
 * and the server lets it go.
 *
 * @param {Photo} photo
 */
function isGone(photo) {
  if (workspace.photos.includes(photo)) return false;
  photo.state = "waiting";
  if (photo.id) api.removePhoto(photo.id).catch(() => {});
  photo.id = "";
  return true;
}

/**
 * Whether it was not coloured for want of an answer, and may yet be.
 *
 * @param {Photo} photo
 */
const isUnanswered = ({ state, error }) => state === "failed" && !error?.status && !error?.code;

/** Colours what had no answer, as soon as the server responds again. */
async function goOnLater() {
  if (looking) return;
  looking = true;
  while (workspace.photos.some(isUnanswered)) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    if (await api.status().catch(() => null)) workspace.photos.filter(isUnanswered).forEach(retry);
  }
  looking = false;
}

/** @param {Photo} photo */
function retry(photo) {
  if (photo.state !== "failed") return;
  photo.error = null;
  workspace.setState(photo, "waiting");
  queue.add(photo);
  if (photo === workspace.current) queue.prefer(photo);
}

export function wire() {
  wireFailure(
    () => workspace.current && retry(workspace.current),
    (byKeyboard) => workspace.current && removal.remove(workspace.current, byKeyboard),
  );
}
