// @ts-check
// Photographs come in, are sent to the server and coloured for the first time.

import * as api from "./api.js";
import { button, element, input } from "./dom.js";
import { addedText, noGreyText } from "./labels.js";
import { quickSide } from "./geometry.js";
import { announce, complain, wireRetry } from "./notices.js";
import { Photo } from "./photo.js";
import { fullSide } from "./preview.js";
import { Queue } from "./queue.js";
import { withPhoto } from "./resend.js";
import * as reveal from "./reveal.js";
import { show, showFirst } from "./stage.js";
import { workspace } from "./workspace.js";

const AT_ONCE = 2;
const ATTEMPTS = 40; // a folder of photographs may wait long for its turn

const chooser = input("files");
const queue = new Queue(AT_ONCE, color);

/** @param {Iterable<File>} files */
export function add(files) {
  const added = Array.from(files, (file) => new Photo(file));
  if (!added.length) return;
  for (const photo of added) workspace.add(photo);
  queue.prefer(...added);
  workspace.select(added[0]);
  announce(addedText(added.map(({ name }) => name)));
}

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

/** Says in the file choosers and on the first screen what the server reads. */
export function showAccepted() {
  const { accept, reads } = workspace.server;
  for (const id of ["files", "reference-file"]) input(id).accept = accept.join(",");
  element("readable", HTMLElement).textContent = `${reads.join(", ")}.`;
}

/** @param {Photo} photo */
async function color(photo) {
  if (!workspace.photos.includes(photo) || photo.state !== "waiting") return false;
  workspace.setState(photo, "working");
  try {
    await Promise.resolve(); // until one of those that were added is shown
    await reveal.settled();
    if (!workspace.photos.includes(photo)) return false;
    const onWait = () => workspace.setState(photo, "delayed");
    photo.describe(await api.addPhoto(photo.file, { onWait, attempts: ATTEMPTS }));
    if (!photo.urls.before) {
      photo.setPicture("before", await api.grey(photo.id, quickSide(photo)));
      workspace.setState(photo, "working");
      if (photo === workspace.current) show(photo);
    }
    const first = () => api.preview(photo.id, photo.request(), quickSide(photo));
    photo.setPicture("after", await withPhoto(photo, first));
    workspace.setState(photo, "ready");
    if (photo === workspace.current) showFirst(photo);
    photo.setPicture("before", await api.grey(photo.id, fullSide(photo)));
    if (photo === workspace.current) await workspace.select(photo);
  } catch (error) {
    photo.error = api.asApiError(error);
    workspace.setState(photo, "failed");
    if (photo !== workspace.current) announce(photo.error.message);
    if (photo === workspace.current) workspace.select(photo);
  }
  return true;
}

function retry() {
  const photo = workspace.current;
  if (!photo) return;
  photo.error = null;
  workspace.setState(photo, "waiting");
  queue.addFirst(photo);
}

export function wire() {
  for (const id of ["choose", "add"]) button(id).onclick = () => chooser.click();
  chooser.onchange = () => {
    add(chooser.files ?? []);
    chooser.value = "";
  };
  addEventListener("paste", ({ clipboardData }) => {
    add(Array.from(clipboardData?.files ?? []).filter(({ type }) => type.startsWith("image/")));
  });
  wireRetry(retry);
}
