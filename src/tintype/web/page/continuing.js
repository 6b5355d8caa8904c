// @ts-check
// Nothing is lost between visits: what is open is kept in the browser, and offered again.

import { noAnswer } from "./api.js";
import { Database } from "./database.js";
import { button, element } from "./dom.js";
import { droppedText, notKeptText, offerText } from "./labels.js";
import { complain } from "./notices.js";
import { opened } from "./opening.js";
import { MOST_BYTES, Storage } from "./storage.js";
import { say } from "./toast.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */

const REST_MS = 300; // a slider on its way is kept once

/** Other tabs of this page: what is open in one is not offered in another. */
const tabs = new BroadcastChannel("tintype");
const ASK = "open?";
const offer = element("offer", HTMLElement);
const offerLine = element("offer-text", HTMLElement);
/** @type {Storage | null} null where the browser keeps nothing */
let storage = null;
/** @type {import("./storage.js").StoredPhoto[]} those that are kept and not open */
let offered = [];
/** @type {Set<Photo>} */
const changed = new Set();
/** @type {WeakSet<Photo>} those of which it was said that they cannot be kept */
const refused = new WeakSet();
let timer = 0;

/** Finds what was kept. Without a database everything else works, and closing the page warns. */
export async function start() {
  try {
    storage = new Storage(await Database.open());
    offered = await storage.list();
  } catch {
    storage = null;
  }
  showOffer();
  tabs.postMessage(ASK);
}

/**
 * Answers another tab, or takes its answer.
 *
 * @param {MessageEvent<string | string[]>} event the question, or keys of what is open there
 */
function hear({ data }) {
  if (typeof data === "string") return tellOpen();
  offered = offered.filter(({ key }) => !data.includes(key));
  showOffer();
  // Open here as well, as after a page came out of the browser's cache: each tab keeps its own.
  for (const photo of workspace.photos.filter(({ key }) => data.includes(key))) {
    photo.becomeCopy();
    keepSoon(photo);
  }
}

function tellOpen() {
  if (workspace.photos.length) tabs.postMessage(workspace.photos.map(({ key }) => key));
}

export function showOffer() {
  offer.hidden = !offered.length;
  offerLine.textContent = offerText(offered.map(({ name }) => name));
}

/** @param {Photo} photo that was added, perhaps because it was kept */
export function keepNew(photo) {
  if (photo.stored !== photo.revision) keepSoon(photo);
}

/** @param {Photo} photo that was coloured or changed */
export function keepSoon(photo) {
  changed.add(photo);
  clearTimeout(timer);
  timer = window.setTimeout(keepChanged, REST_MS);
}

async function keepChanged() {
  clearTimeout(timer);
  const photos = [...changed].filter((photo) => workspace.photos.includes(photo));
  changed.clear();
  const dropped = (await Promise.all(photos.map(keep))).flat();
  if (dropped.length) say(droppedText(dropped, MOST_BYTES));
}

/**
 * @param {Photo} photo
 * @returns {Promise<string[]>} names of those that had to go for it
 */
async function keep(photo) {
  if (!storage) return [];
  // What is refused is no work of anybody's; without an answer it may yet become one.
  if (photo.state === "failed" && (photo.error?.status || photo.error?.code)) {
    await forget(photo);
    return [];
  }
  const { kept, dropped } = await storage.keep(photo);
  for (const one of workspace.photos) if (dropped.includes(one.key)) one.stored = -1;
  const names = [...workspace.photos, ...offered].filter(({ key }) => dropped.includes(key));
  offered = offered.filter(({ key }) => !dropped.includes(key));
  if (!kept && !refused.has(photo)) say(notKeptText(photo.name));
  if (!kept) refused.add(photo);
  return names.map(({ name }) => name);
}

/** @param {Photo} photo that is removed */
export function forget(photo) {
  changed.delete(photo);
  photo.stored = -1;
  return storage?.forget([photo.key]).catch(() => {});
}

async function resume() {
  try {
    await opened();
  } catch {
    return complain("", noAnswer(), resume);
  }
  const records = offered;
  offered = [];
  /** @type {Photo[]} */
  const photos = [];
  for (const record of records) {
    const photo = await storage?.restore(record).catch(() => null);
    if (photo) photos.push(photo);
  }
  photos.forEach((photo, index) => workspace.add(photo, index));
  showOffer();
  if (photos.length < records.length) say("Some photographs are no longer in this browser.");
  if (!photos.length) return;
  tellOpen();
  const latest = records.reduce((one, other) => (other.touched > one.touched ? other : one)).key;
  workspace.select(photos.find(({ key }) => key === latest) ?? photos[0]);
}

/** The offer goes when they are gone: a reload at once would offer them again. */
async function forgetOffered() {
  await storage?.forget(offered.map(({ key }) => key)).catch(() => {});
  offered = [];
  showOffer();
  button("choose").focus();
}

/** @param {BeforeUnloadEvent} event */
function warn(event) {
  keepChanged();
  if (workspace.photos.every(({ isSafe }) => isSafe)) return;
  event.preventDefault();
  event.returnValue = true; // for browsers that know no preventDefault here
}

export function wire() {
  tabs.addEventListener("message", hear);
  button("continue").onclick = resume;
  button("forget").onclick = forgetOffered;
  addEventListener("beforeunload", warn);
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) tellOpen(); // while it lay in the cache, it heard no question
  });
  addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") keepChanged();
  });
}
