// Folders that are dropped or chosen.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chosenFiles, droppedFiles, isAccepted } from "../../src/tintype/web/page/folders.js";

const file = (name) => ({
  name, isFile: true, isDirectory: false, file: (done) => done({ name, type: "" }),
});
const locked = (name) => ({ ...file(name), file: (_, fail) => fail(new Error("NotReadable")) });
/** A folder; its reader gives two entries at a time, as browsers give a hundred. */
const folder = (name, ...entries) => ({
  name,
  isFile: false,
  isDirectory: true,
  createReader() {
    let at = 0;
    return { readEntries: (done) => done(entries.slice(at, (at += 2))) };
  },
});
const transfer = (...entries) => ({
  items: entries.map((entry) => ({ webkitGetAsEntry: () => entry })),
  files: entries.map(({ name }) => ({ name, type: "" })),
});
const reads = ({ name }) => isAccepted({ name, type: "" }, [".jpg", ".tif"]);
const names = ({ files }) => files.map(({ name }) => name);

test("folders are read to the end, with the folders in them, by name", async () => {
  const inner = folder("1931", file("b10.jpg"), file("b9.jpg"));
  const album = folder("album", file("z.jpg"), inner, file("a.tif"), file("c.JPG"), file("d.jpg"));
  const dropped = await droppedFiles(transfer(album), reads);
  assert.deepEqual(names(dropped), ["b9.jpg", "b10.jpg", "a.tif", "c.JPG", "d.jpg", "z.jpg"]);
  assert.deepEqual([dropped.others, dropped.folders], [[], true]);
});

test("hidden and system files are passed over, others are named", async () => {
  const album = folder(
    "album", file(".DS_Store"), file("._a.jpg"), file("Thumbs.db"), file("desktop.ini"),
    folder("__MACOSX", file("a.jpg")), folder(".git", file("b.jpg")),
    file("a.jpg"), file("letter.doc"), locked("secret.jpg"),
  );
  const dropped = await droppedFiles(transfer(album), reads);
  assert.deepEqual(names(dropped), ["a.jpg"]);
  assert.deepEqual(dropped.others, ["letter.doc", "secret.jpg"]);
});

test("a file that was dropped itself is taken, whatever it is", async () => {
  const alone = await droppedFiles(transfer(file("letter.doc"), file("a.jpg")), reads);
  assert.deepEqual([names(alone), alone.folders], [["letter.doc", "a.jpg"], false]);
  const beside = await droppedFiles(transfer(file("letter.doc"), folder("x", file("b.doc"))), reads);
  assert.deepEqual([names(beside), beside.others], [["letter.doc"], ["b.doc"]]);
});

test("an empty folder has no files, and an old browser has no entries", async () => {
  assert.deepEqual(names(await droppedFiles(transfer(folder("empty")), reads)), []);
  const old = { items: undefined, files: [{ name: "a.jpg" }] };
  assert.deepEqual(names(await droppedFiles(old, reads)), ["a.jpg"]);
});

test("a kind is known by its ending or by its type", () => {
  const accept = ["image/jpeg", ".tif"];
  assert.equal(isAccepted({ name: "a", type: "image/jpeg" }, accept), true);
  assert.equal(isAccepted({ name: "A.TIF", type: "" }, accept), true);
  assert.equal(isAccepted({ name: "a.tif.txt", type: "text/plain" }, accept), false);
  assert.equal(isAccepted({ name: "a.txt", type: "" }, []), true);
});

test("a folder that is chosen gives the same as one that is dropped", () => {
  const below = (path) => ({ name: path.split("/").at(-1), webkitRelativePath: path });
  const files = [
    "album/z.jpg", "album/1931/b10.jpg", "album/1931/b9.jpg", "album/a.tif", "album/.DS_Store",
    "album/__MACOSX/a.jpg", "album/letter.doc", "album/.git/b.jpg", "album/Thumbs.db",
  ].map(below);
  const chosen = chosenFiles(files, reads);
  assert.deepEqual(names(chosen), ["b9.jpg", "b10.jpg", "a.tif", "z.jpg"]);
  assert.deepEqual([chosen.others, chosen.folders], [["letter.doc"], true]);
  assert.deepEqual(names(chosenFiles([below(".hidden/a.jpg")], reads)), ["a.jpg"]);
  assert.deepEqual(names(chosenFiles([], reads)), []);
});
