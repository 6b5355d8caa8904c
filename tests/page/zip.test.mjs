// The zip file of an album.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ZipWriter, crc32, uniqueName } from "../../src/tintype/web/page/zip.js";

const DATE = new Date(2026, 10, 29, 18, 46, 7);
const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());

/** What a zip holds, read by its directory as programs read it. */
async function entriesOf(blob) {
  const bytes = await bytesOf(blob);
  const view = new DataView(bytes.buffer);
  const end = bytes.length - 22;
  assert.equal(view.getUint32(end, true), 0x06054b50);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  assert.equal(at + view.getUint32(end + 12, true), end);
  const entries = [];
  for (let i = 0; i < count; i++) {
    assert.equal(view.getUint32(at, true), 0x02014b50);
    const [size, length] = [view.getUint32(at + 24, true), view.getUint16(at + 28, true)];
    const start = view.getUint32(at + 42, true);
    assert.equal(view.getUint32(start, true), 0x04034b50);
    // The header in front of the file says the same as the directory.
    assert.deepEqual(bytes.slice(start + 4, start + 28), bytes.slice(at + 6, at + 30));
    const data = bytes.slice(start + 30 + length, start + 30 + length + size);
    assert.equal(view.getUint32(at + 16, true), crc32(data));
    const name = new TextDecoder().decode(bytes.slice(at + 46, at + 46 + length));
    entries.push({ name, data, flags: view.getUint16(at + 8, true), at });
    at += 46 + length;
  }
  return { entries, view };
}

test("the checksum is that of zip, also piece by piece", () => {
  const bytes = new TextEncoder().encode("123456789");
  assert.equal(crc32(bytes), 0xcbf43926);
  assert.equal(crc32(bytes.slice(4), crc32(bytes.slice(0, 4))), 0xcbf43926);
  assert.equal(crc32(new Uint8Array()), 0);
});

test("files come out as they went in", async () => {
  const zip = new ZipWriter(DATE);
  const large = new Uint8Array(200_000).map((_, i) => i * 7);
  await zip.add("aunt.color.jpg", new Blob(["one"]));
  await zip.add("großmutter.color.png", new Blob([large]));
  await zip.add("empty", new Blob([]));
  const { entries } = await entriesOf(zip.finish());
  assert.deepEqual(entries.map(({ name }) => name), [
    "aunt.color.jpg", "großmutter.color.png", "empty",
  ]);
  assert.deepEqual(entries[1].data, large);
  assert.ok(entries.every(({ flags }) => flags === 0x0800));
});

test("the date is the local one", async () => {
  const zip = new ZipWriter(DATE);
  await zip.add("a", new Blob(["a"]));
  const { view, entries: [{ at }] } = await entriesOf(zip.finish());
  const [time, day] = [view.getUint16(at + 12, true), view.getUint16(at + 14, true)];
  assert.deepEqual([time >> 11, (time >> 5) & 63, (time & 31) * 2], [18, 46, 6]);
  assert.deepEqual([(day >> 9) + 1980, (day >> 5) & 15, day & 31], [2026, 11, 29]);
});

test("names are made unique, whatever their case, and make no folders", async () => {
  const taken = new Set();
  const names = ["a.color.jpg", "A.color.jpg", "a.color.jpg", "a.color.png", "a", "a"];
  assert.deepEqual(names.map((name) => uniqueName(name, taken)), [
    "a.color.jpg", "A (2).color.jpg", "a (3).color.jpg", "a.color.png", "a", "a (2)",
  ]);
  const zip = new ZipWriter(DATE);
  for (const name of ["../x.png", "..\\x.png"]) await zip.add(name, new Blob(["x"]));
  const { entries } = await entriesOf(zip.finish());
  assert.deepEqual(entries.map(({ name }) => name), [".._x.png", ".._x (2).png"]);
});

test("what would take it over its limit is refused, and the rest is whole", async () => {
  const zip = new ZipWriter(DATE, 400);
  await zip.add("a", new Blob(["x".repeat(100)]));
  assert.equal(zip.fits("b", 100), false);
  await assert.rejects(zip.add("b", new Blob(["x".repeat(100)])), RangeError);
  const blob = zip.finish();
  assert.ok(blob.size <= 400);
  assert.equal((await entriesOf(blob)).entries.length, 1);
  // The limit of the format itself.
  const full = new ZipWriter(DATE);
  assert.equal(full.fits("a", 2 ** 32 - 200), true);
  assert.equal(full.fits("a", 2 ** 32 - 100), false);
  full.count = 2 ** 16 - 1;
  assert.equal(full.fits("a", 1), false);
});
