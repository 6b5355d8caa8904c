// Photographs, which of them is shown, and the events of changes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Photo } from "../../src/tintype/web/page/photo.js";
import { Workspace } from "../../src/tintype/web/page/workspace.js";

const NAMES = ["add", "remove", "select", "empty", "state", "change"];

/** A workspace with photographs of these names, and a log of its events. */
function withPhotos(...names) {
  const workspace = new Workspace();
  const photos = names.map((name) => new Photo({ name }));
  for (const photo of photos) workspace.add(photo);
  const log = [];
  for (const name of NAMES) {
    workspace.on(name, (...photos) => {
      log.push([name, ...photos.map((photo) => photo?.name ?? "none")].join(" "));
    });
  }
  return { workspace, photos, log };
}

test("every change is an event", () => {
  const { workspace, photos: [a, b], log } = withPhotos("a", "b");
  workspace.select(a);
  workspace.select(b);
  workspace.setState(a, "ready");
  workspace.change("warmth", (s) => (s.warmth = 1));
  workspace.add(new Photo({ name: "c" }));
  assert.deepEqual(log, ["select a none", "select b a", "state a", "change b", "add c"]);
  assert.equal(a.state, "ready");
  assert.equal(workspace.current, b);
  assert.deepEqual(workspace.photos.map(({ name }) => name), ["a", "b", "c"]);
});

test("a draft of a hint is no change", () => {
  const { workspace, photos: [a], log } = withPhotos("a");
  workspace.select(a);
  workspace.on("draft", () => log.push(`draft ${workspace.draft?.color ?? "none"}`));
  workspace.setDraft({ x: 1, y: 2, color: "#102030", radius: 3 });
  workspace.setDraft(null);
  assert.deepEqual(log, ["select a none", "draft #102030", "draft none"]);
  assert.equal(a.canUndo, false);
  assert.deepEqual(a.settings.hints, []);
});

test("when the photograph that is shown goes, its neighbor comes", () => {
  const { workspace, photos: [a, b, c], log } = withPhotos("a", "b", "c");
  workspace.select(b);
  workspace.remove(b);
  assert.equal(workspace.current, c);
  workspace.remove(c);
  assert.equal(workspace.current, a);
  workspace.remove(a);
  assert.equal(workspace.current, null);
  assert.deepEqual(log, [
    "select b none", "remove b", "select c none", "remove c", "select a none", "remove a", "empty",
  ]);
});

test("when another one goes, what is shown stays", () => {
  const { workspace, photos: [a, b], log } = withPhotos("a", "b");
  workspace.select(b);
  workspace.remove(a);
  assert.equal(workspace.current, b);
  assert.deepEqual(log, ["select b none", "remove a"]);
});

test("selecting ends when all that shows it is done", async () => {
  const { workspace, photos: [a] } = withPhotos("a");
  let done = false;
  workspace.on("select", async () => {
    await new Promise(setImmediate);
    done = true;
  });
  await workspace.select(a);
  assert.equal(done, true);
});

test("a change is of the photograph that is shown, or of the one that is named", () => {
  const { workspace, photos: [a, b] } = withPhotos("a", "b");
  workspace.select(a);
  workspace.change(null, (s) => (s.warmth = 0.5));
  workspace.change(null, (s) => (s.warmth = 1), b);
  assert.deepEqual([a.settings.warmth, b.settings.warmth], [0.5, 1]);
});

test("a photograph comes back to its place, and another one's step is undone", () => {
  const { workspace, photos: [a, b, c] } = withPhotos("a", "b", "c");
  workspace.select(a);
  workspace.remove(b);
  workspace.add(b, 1);
  assert.deepEqual(workspace.photos, [a, b, c]);
  workspace.change(null, (s) => (s.warmth = 1), b);
  assert.equal(workspace.step("undo", b), true);
  assert.equal(b.settings.warmth, 0);
});

test("work is safe once it is saved or stored as it is now", () => {
  const { workspace, photos: [a, b] } = withPhotos("a", "b");
  assert.deepEqual([a.isSafe, b.isSafe], [false, false]);
  a.stored = a.revision;
  b.state = "failed";
  assert.deepEqual([a.isSafe, b.isSafe], [true, true]);
  workspace.change(null, (s) => (s.warmth = 1), a);
  assert.equal(a.isSafe, false);
  a.saved = a.revision;
  assert.equal(a.isSafe, true);
  workspace.step("undo", a);
  assert.equal(a.isSafe, false);
});

test("keys sort in the order in which photographs came", () => {
  const { photos } = withPhotos(..."abcdefghij");
  const keys = photos.map(({ key }) => key);
  assert.deepEqual([...keys].sort(), keys);
  assert.equal(new Set(keys).size, 10);
});

test("without a photograph there is neither a change nor an event", () => {
  const { workspace, log } = withPhotos();
  workspace.change(null, () => assert.fail("there is nothing to change"));
  assert.equal(workspace.step("undo"), false);
  assert.deepEqual(log, []);
});

test("each photograph has its own steps", () => {
  const { workspace, photos: [a, b], log } = withPhotos("a", "b");
  workspace.select(a);
  workspace.change(null, (s) => (s.warmth = 1));
  workspace.select(b);
  assert.equal(workspace.step("undo"), false);
  workspace.select(a);
  log.length = 0;
  assert.equal(workspace.step("undo"), true);
  assert.equal(a.settings.warmth, 0);
  assert.deepEqual([a.canUndo, a.canRedo], [false, true]);
  assert.equal(workspace.step("redo"), true);
  assert.equal(a.settings.warmth, 1);
  assert.deepEqual(log, ["change a", "change a"]);
  assert.deepEqual([a.canUndo, a.canRedo], [true, false]);
});

test("a photograph keeps what the server says of it, and asks with its settings", () => {
  const photo = new Photo({ name: "a" });
  assert.deepEqual([photo.id, photo.width, photo.height, photo.zoom], ["", 0, 0, 1]);
  assert.deepEqual([photo.state, photo.error, photo.canUndo], ["waiting", null, false]);
  photo.describe({ id: "x", width: 3, height: 2, format: "JPEG" });
  assert.equal(photo.data.format, "JPEG");
  assert.deepEqual([photo.id, photo.width, photo.height], ["x", 3, 2]);
  photo.change(null, (s) => (s.palette = 2));
  assert.equal(photo.request().palette, 2);
  assert.equal(photo.request(4).palette, 4);
});

test("pictures that are replaced or let go take no memory", (context) => {
  const { createObjectURL, revokeObjectURL } = URL;
  context.after(() => Object.assign(URL, { createObjectURL, revokeObjectURL }));
  const live = new Set();
  URL.createObjectURL = (blob) => live.add(`blob:${blob}`) && `blob:${blob}`;
  URL.revokeObjectURL = (url) => live.delete(url);
  const photo = new Photo({ name: "a" });
  assert.equal(photo.setPicture("after", "one"), "blob:one");
  photo.setPicture("after", "two");
  photo.setPicture("before", "grey");
  assert.deepEqual([...live], ["blob:two", "blob:grey"]);
  assert.deepEqual(photo.urls, { after: "blob:two", before: "blob:grey" });
  photo.release();
  assert.equal(live.size, 0);
});

test("the file itself is the picture before until there is the server's", (context) => {
  const { createObjectURL, revokeObjectURL } = URL;
  context.after(() => Object.assign(URL, { createObjectURL, revokeObjectURL }));
  const gone = [];
  URL.createObjectURL = (blob) => `blob:${blob}`;
  URL.revokeObjectURL = (url) => gone.push(url);
  const photo = new Photo({ name: "a" });
  photo.useOwnCopy("blob:a", { width: 4, height: 3 });
  assert.deepEqual([photo.urls.before, photo.ownCopy, photo.width], ["blob:a", true, 4]);
  photo.setPicture("after", "colours");
  assert.equal(photo.ownCopy, true);
  photo.setPicture("before", "grey");
  assert.deepEqual([photo.urls.before, photo.ownCopy], ["blob:grey", false]);
  assert.deepEqual(gone, ["blob:a"]);
});
