// Undo and redo.

import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../src/tintype/web/page/history.js";

/** A value that changes, with its history. */
class Sheet {
  value = { n: 0 };
  history = new History();

  set(n, kind = null, now = 0) {
    this.history.record(this.value, kind, now);
    this.value.n = n;
  }

  go(way) {
    const found = this.history[way](this.value);
    if (found) this.value = found;
    return this.value.n;
  }
}

test("steps go back and forth in order", () => {
  const sheet = new Sheet();
  for (const n of [1, 2, 3]) sheet.set(n);
  assert.deepEqual(["undo", "undo", "undo"].map((way) => sheet.go(way)), [2, 1, 0]);
  assert.deepEqual(["redo", "redo", "redo"].map((way) => sheet.go(way)), [1, 2, 3]);
});

test("at the ends there is no step", () => {
  const sheet = new Sheet();
  assert.deepEqual([sheet.history.canUndo, sheet.history.canRedo], [false, false]);
  assert.equal(sheet.history.undo(sheet.value), null);
  assert.equal(sheet.history.redo(sheet.value), null);
  sheet.set(1);
  assert.deepEqual([sheet.history.canUndo, sheet.history.canRedo], [true, false]);
  sheet.go("undo");
  assert.deepEqual([sheet.history.canUndo, sheet.history.canRedo], [false, true]);
});

test("a new step ends what could be done again", () => {
  const sheet = new Sheet();
  sheet.set(1);
  sheet.go("undo");
  sheet.set(2);
  assert.equal(sheet.history.canRedo, false);
  assert.equal(sheet.go("undo"), 0);
});

test("steps of one kind that follow closely are one", () => {
  const sheet = new Sheet();
  sheet.set(1, "warmth", 1000);
  sheet.set(2, "warmth", 1899);
  sheet.set(3, "warmth", 2798); // 900 ms count from the last of them, not from the first
  assert.equal(sheet.go("undo"), 0);
  assert.equal(sheet.history.canUndo, false);
  assert.equal(sheet.go("redo"), 3);
});

test("a pause begins a new step", () => {
  const sheet = new Sheet();
  sheet.set(1, "warmth", 1000);
  sheet.set(2, "warmth", 1900);
  assert.equal(sheet.go("undo"), 1);
});

test("steps of two kinds, or of none, stay apart", () => {
  const sheet = new Sheet();
  sheet.set(1, "warmth");
  sheet.set(2, "vividness");
  sheet.set(3);
  sheet.set(4);
  assert.deepEqual([1, 2, 3, 4].map(() => sheet.go("undo")), [3, 2, 1, 0]);
});

test("what follows a step back is a step of its own", () => {
  const sheet = new Sheet();
  sheet.set(1, "warmth", 0);
  sheet.set(2, "vividness", 10);
  sheet.set(3, "warmth", 20);
  sheet.go("undo");
  sheet.set(4, "warmth", 30);
  assert.equal(sheet.go("undo"), 2);
});

test("a merged step also ends what could be done again", () => {
  const sheet = new Sheet();
  sheet.set(1, "warmth", 0);
  sheet.go("undo");
  sheet.set(2, "warmth", 1);
  sheet.set(3, "warmth", 2);
  assert.equal(sheet.go("redo"), 3);
  assert.equal(sheet.go("undo"), 0);
});

test("a state is a copy: later changes do not reach it", () => {
  const sheet = new Sheet();
  sheet.set(1);
  sheet.value.n = 99;
  assert.equal(sheet.go("undo"), 0);
  assert.equal(sheet.go("redo"), 99);
});

test("two hundred steps are kept, the newest", () => {
  const sheet = new Sheet();
  for (let n = 1; n <= 205; n++) sheet.set(n);
  let steps = 0;
  while (sheet.history.canUndo) {
    sheet.go("undo");
    steps += 1;
  }
  assert.deepEqual([steps, sheet.value.n], [200, 5]);
});

test("a step without a time is one of now", () => {
  const history = new History();
  history.record({}, "warmth");
  history.record({}, "warmth");
  history.undo({});
  assert.equal(history.canUndo, false);
});

test("steps are kept and taken up again, the nearest ones first", () => {
  const history = new History();
  for (const value of ["a", "b", "c"]) history.record(value, null);
  history.undo("d");
  const other = new History();
  other.resume(JSON.parse(JSON.stringify(history.steps())));
  assert.deepEqual([other.canUndo, other.canRedo], [true, true]);
  assert.equal(other.redo("c"), "d");
  assert.equal(other.undo("d"), "c");
  assert.equal(other.undo("c"), "b");
  const large = new History();
  for (const size of [2 ** 20, 2 ** 20, 10]) large.record("x".repeat(size), null);
  assert.deepEqual(large.steps().past.map(({ length }) => length), [2 ** 20 + 2, 12]);
});
