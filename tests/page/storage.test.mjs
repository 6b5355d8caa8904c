// What is kept between visits, and what goes when there is too much.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Photo } from "../../src/tintype/web/page/photo.js";
import { referenceFiles } from "../../src/tintype/web/page/resend.js";
import { Storage } from "../../src/tintype/web/page/storage.js";

/** A backend in memory; values are copied as a database does. */
class Memory {
  photos = new Map();
  files = new Map();
  /** How many bytes the browser allows. */
  quota = Infinity;

  list = async () => [...this.photos.values()].map((photo) => structuredClone(photo)).reverse();

  put = async (photo, files) => {
    const total = [...this.photos.values(), photo].reduce((sum, { bytes }) => sum + bytes, 0);
    if (total > this.quota) throw Object.assign(new Error(), { name: "QuotaExceededError" });
    this.photos.set(photo.key, { ...structuredClone({ ...photo, picture: null }) });
    this.photos.get(photo.key).picture = photo.picture;
    for (const [key, file] of files) if (!this.files.has(key)) this.files.set(key, file);
  };

  remove = async (keys) => {
    for (const key of keys) this.photos.delete(key);
    const needed = [...this.photos.values()].flatMap((one) => [one.key, ...one.references]);
    for (const key of this.files.keys()) if (!needed.includes(key)) this.files.delete(key);
  };

  file = async (key) => this.files.get(key) ?? null;
}

const photoOf = (name, size = 10) => new Photo({ name, size });
/** Keeps a photograph that was touched at a time. */
function keepAt(storage, touched, photo) {
  photo.touched = touched;
  return storage.keep(photo);
}
const names = async (storage) => (await storage.list()).map(({ name }) => name);

test("a photograph comes back with its settings and its undo", async () => {
  const memory = new Memory();
  const photo = photoOf("aunt.jpg");
  photo.change(null, (s) => (s.warmth = 0.5));
  photo.change(null, (s) => s.hints.push({ x: 1, y: 2, color: "#102030", radius: 3 }));
  const { kept } = await new Storage(memory).keep(photo);
  assert.equal(kept, true);
  assert.equal(photo.isSafe, true);

  const visit = new Storage(memory);
  const [record] = await visit.list();
  const back = await visit.restore(record);
  assert.deepEqual([back.name, back.key, back.state], ["aunt.jpg", photo.key, "waiting"]);
  assert.equal(back.file, photo.file);
  assert.deepEqual(back.settings, photo.settings);
  assert.equal(back.isSafe, true);
  back.step("undo");
  assert.deepEqual([back.settings.hints, back.settings.warmth], [[], 0.5]);
  assert.equal(back.isSafe, false);
});

test("one that was coloured is shown before the server is asked", async (context) => {
  const { createObjectURL } = URL;
  context.after(() => Object.assign(URL, { createObjectURL }));
  URL.createObjectURL = (blob) => `blob:${blob.size}`;
  const memory = new Memory();
  const photo = photoOf("aunt.jpg");
  photo.describe({ id: "x", width: 4, height: 3 });
  photo.setPicture("after", { size: 7 });
  const storage = new Storage(memory);
  await storage.keep(photo);
  const back = await storage.restore((await storage.list())[0]);
  assert.deepEqual([back.state, back.id, back.width, back.height], ["ready", "x", 4, 3]);
  assert.deepEqual(back.urls, { after: "blob:7" });
});

test("they come back in the order in which they came", async () => {
  const storage = new Storage(new Memory());
  const photos = ["a", "b", "c"].map((name) => photoOf(name));
  for (const photo of [...photos].reverse()) await storage.keep(photo);
  assert.deepEqual(await names(storage), ["a", "b", "c"]);
});

test("reference pictures are kept, those of undone steps as well, and go with the last", async () => {
  const memory = new Memory();
  const storage = new Storage(memory);
  const [a, b] = [photoOf("a"), photoOf("b")];
  const file = { name: "colors.png", size: 5 };
  referenceFiles.add("layer", file);
  for (const photo of [a, b]) {
    photo.change(null, (s) => (s.reference = { id: "layer", name: "colors.png" }));
    photo.step("undo");
    await storage.keep(photo);
  }
  assert.equal(memory.files.get("layer"), file);
  await storage.forget([a.key]);
  assert.equal(memory.files.has("layer"), true);
  await storage.forget([b.key]);
  assert.equal(memory.files.size, 0);
});

test("over the limit those go that were not changed for the longest time", async () => {
  const memory = new Memory();
  const storage = new Storage(memory, 35);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => photoOf(name));
  for (const [now, photo] of [[1, a], [2, b], [3, c]]) await keepAt(storage, now, photo);
  await keepAt(storage, 4, a);
  assert.deepEqual(await keepAt(storage, 5, d), { kept: true, dropped: [b.key] });
  assert.deepEqual(await names(storage), ["a", "c", "d"]);
  // Also those of an earlier visit.
  const visit = new Storage(memory, 35);
  await visit.list();
  assert.deepEqual(await keepAt(visit, 6, photoOf("e", 30)), {
    kept: true,
    dropped: [c.key, a.key, d.key],
  });
  assert.deepEqual(await names(visit), ["e"]);
  assert.equal(memory.files.size, 1);
});

test("one that is too large by itself takes no other's place", async () => {
  const storage = new Storage(new Memory(), 35);
  await storage.keep(photoOf("a"));
  const large = photoOf("large", 36);
  assert.deepEqual(await storage.keep(large), { kept: false, dropped: [] });
  assert.equal(large.isSafe, false);
  assert.deepEqual(await names(storage), ["a"]);
});

test("where the browser allows less, that is the limit", async () => {
  const memory = new Memory();
  memory.quota = 25;
  const storage = new Storage(memory);
  const [a, b, c] = ["a", "b", "c"].map((name) => photoOf(name));
  for (const [now, photo] of [[1, a], [2, b]]) await keepAt(storage, now, photo);
  assert.deepEqual(await keepAt(storage, 3, c), { kept: true, dropped: [a.key] });
  // No more goes than its place takes.
  memory.quota = 5;
  const last = await keepAt(storage, 4, photoOf("d"));
  assert.deepEqual(last, { kept: false, dropped: [b.key] });
  assert.deepEqual(await names(storage), ["c"]);
});

test("a database that fails is no error of the page", async () => {
  const memory = new Memory();
  const storage = new Storage(memory);
  memory.put = memory.remove = async () => {
    throw new Error("disk");
  };
  const photo = photoOf("a");
  assert.equal((await storage.keep(photo)).kept, false);
  assert.equal(photo.isSafe, false);
});

test("what was changed while it was being kept is not safe yet", async () => {
  const storage = new Storage(new Memory());
  const photo = photoOf("a");
  const keeping = storage.keep(photo);
  photo.change(null, (s) => (s.warmth = 1));
  await keeping;
  assert.equal(photo.isSafe, false);
  await storage.keep(photo);
  assert.equal(photo.isSafe, true);
});

test("a photograph whose file is gone does not come back", async () => {
  const memory = new Memory();
  const storage = new Storage(memory);
  await storage.keep(photoOf("a"));
  memory.files.clear();
  assert.equal(await storage.restore((await storage.list())[0]), null);
});
