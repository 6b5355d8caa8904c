// @ts-check
// All photographs at once: one zip, the same settings, and how far the queue is.

import * as api from "./api.js";
import { onProgress } from "./coloring.js";
import { button, element } from "./dom.js";
import { triggerDownload } from "./download.js";
import { albumText, leftOutText, noZipText, progressLine, sameText } from "./album_labels.js";
import { announce, complain } from "./notices.js";
import { finished } from "./save.js";
import { say, offerUndo } from "./toast.js";
import { workspace } from "./workspace.js";
import { ZipWriter } from "./zip.js";

/** @typedef {import("./photo.js").Photo} Photo */
/** @typedef {import("./queue.js").Progress} Progress */

const LOOK_MS = 200; // how often it looks whether a photograph is coloured by now
const NAME = "tintype-album.zip";

const bar = element("album-bar", HTMLProgressElement);
const line = element("album-line", HTMLElement);
const box = element("album", HTMLElement);
const downloadAll = button("download-all");
const sameForAll = button("same-for-all");
/** Whether a zip is being made; null when it is to stop. */
let saving = /** @type {boolean | null} */ (false);

/** Shows the buttons where there is more than one photograph. */
export function showCount() {
  const several = workspace.photos.length > 1;
  box.hidden = !several;
}

/**
 * @param {Progress | null} progress
 * @param {string} verb
 */
function showProgress(progress, verb) {
  const shown = progress !== null && progress.total > 1 && progress.done < progress.total;
  bar.hidden = line.hidden = !shown;
  if (!shown) return;
  bar.max = progress.total;
  bar.value = progress.done;
  line.textContent = progressLine(progress, verb);
}

/** @param {Progress} progress of the photographs that are coloured */
function showQueue(progress) {
  if (saving === false) showProgress(progress, "coloured");
  if (progress.total > 1 && progress.done === progress.total) {
    announce("The photographs are coloured.");
  }
}

/** @param {Photo} photo */
async function untilColored(photo) {
  const isOpen = () => workspace.photos.includes(photo) && saving;
  while (photo.state !== "ready" && photo.state !== "failed" && isOpen()) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

/**
 * @typedef {object} Album
 * @property {ZipWriter} zip
 * @property {{photo: Photo, revision: number}[]} saved
 * @property {string[]} notes on single photographs, and why some are not in it
 * @property {string[]} missing names of those that could not be saved
 * @property {string[]} over names of those for which there was no room
 */

/**
 * @param {Album} album
 * @param {Photo} photo
 */
async function addTo(album, photo) {
  await untilColored(photo);
  if (!workspace.photos.includes(photo) || !saving) return;
  const { revision, error } = photo;
  if (error) return leaveOut(album, photo, error);
  try {
    const { name, blob, notes } = await finished(photo);
    if (!album.zip.fits(name, blob.size)) return void album.over.push(photo.name);
    await album.zip.add(name, blob);
    album.saved.push({ photo, revision });
    for (const note of notes) album.notes.push(`${photo.name}: ${note}`);
  } catch (error) {
    const problem = api.asApiError(error);
    if (!problem.status) throw problem; // no server: the others would fail as well
    leaveOut(album, photo, problem);
  }
}

/**
 * @param {Album} album
 * @param {Photo} photo
 * @param {api.ApiError} problem why it is not in it
 */
function leaveOut(album, { name }, { message, advice }) {
  album.missing.push(name);
  album.notes.push(`${name} is not in this file: ${message} ${advice}`.trim());
}

/** @returns {Promise<Album>} of all photographs; what is over its limit is left out and named */
async function collect() {
  /** @type {Album} */
  const album = { zip: new ZipWriter(new Date()), saved: [], notes: [], missing: [], over: [] };
  const photos = [...workspace.photos];
  const start = performance.now();
  for (const [done, photo] of photos.entries()) {
    if (!saving) break;
    const seconds = (performance.now() - start) / 1000;
    showProgress({ done, total: photos.length, seconds }, "prepared");
    await addTo(album, photo);
  }
  return album;
}

async function save() {
  if (saving !== false) {
    saving = null;
    downloadAll.textContent = "Cancelling…";
    return;
  }
  saving = true;
  downloadAll.textContent = "Cancel";
  try {
    const album = await collect();
    if (saving) await handOver(album);
    else announce("Cancelled.");
  } catch (error) {
    complain(noZipText, api.asApiError(error), save);
  } finally {
    saving = false;
    downloadAll.textContent = "Download all";
    showProgress(null, "");
  }
}

/** @param {Album} album */
async function handOver({ zip, saved, notes, missing, over }) {
  if (!zip.count) return say("There is nothing to download: no photograph could be coloured.");
  const text = new Blob([`${notes.join("\n")}\n`], { type: "text/plain" });
  if (notes.length && zip.fits("notes.txt", text.size)) await zip.add("notes.txt", text);
  triggerDownload(zip.finish(), NAME);
  for (const { photo, revision } of saved) photo.saved = revision;
  say([albumText(saved.length, notes.length > 0), leftOutText(missing, over)].join(" ").trim());
}

/** @param {boolean} byKeyboard */
function useForAll(byKeyboard) {
  const photo = workspace.current;
  if (!photo) return;
  const { vividness, warmth, palette } = photo.settings;
  const others = workspace.photos.filter(({ state, settings: theirs }) => {
    const same = theirs.vividness === vividness && theirs.warmth === warmth;
    return state !== "failed" && !(same && theirs.palette === palette);
  });
  if (!others.length) return say("All photographs have these settings already.");
  for (const other of others) {
    workspace.change(null, (s) => Object.assign(s, { vividness, warmth, palette }), other);
  }
  const changed = others.map((other) => ({ other, revision: other.revision }));
  const undo = () => {
    for (const { other, revision } of changed) {
      const untouched = other.revision === revision && workspace.photos.includes(other);
      if (untouched) workspace.step("undo", other);
    }
  };
  offerUndo({ kind: "same", text: sameText(others.length), undo, byKeyboard });
}

export function wire() {
  downloadAll.onclick = save;
  sameForAll.onclick = ({ detail }) => useForAll(detail === 0);
  onProgress(showQueue);
}
