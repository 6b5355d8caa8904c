// What is worked on when.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LatestOnly, Queue } from "../../src/tintype/web/page/queue.js";

/** Work that ends when the test says so. */
class Work {
  started = [];
  #ends = new Map();

  do = (item) => {
    this.started.push(item);
    return new Promise((end) => this.#ends.set(item, end));
  };

  async end(item) {
    this.#ends.get(item)();
    await new Promise(setImmediate);
  }
}

test("things are worked on in their order, and not too many at once", async () => {
  const work = new Work();
  const queue = new Queue(2, work.do);
  queue.add("a", "b", "c", "d");
  assert.deepEqual(work.started, ["a", "b"]);
  await work.end("b");
  assert.deepEqual(work.started, ["a", "b", "c"]);
  await work.end("a");
  await work.end("c");
  await work.end("d");
  assert.deepEqual(work.started, ["a", "b", "c", "d"]);
});

test("what is added first goes before what waits", async () => {
  const work = new Work();
  const queue = new Queue(1, work.do);
  queue.add("a", "b");
  queue.addFirst("c");
  await work.end("a");
  await work.end("c");
  assert.deepEqual(work.started, ["a", "c", "b"]);
});

test("an idle queue starts at once, also with what is added first", async () => {
  const work = new Work();
  const queue = new Queue(1, work.do);
  queue.addFirst("a");
  await work.end("a");
  queue.add("b");
  assert.deepEqual(work.started, ["a", "b"]);
});

test("what is preferred goes first where it still waits", async () => {
  const work = new Work();
  const queue = new Queue(1, work.do);
  queue.add("a", "b", "c", "d");
  queue.prefer("c", "d", "a", "x");
  for (const item of ["a", "c", "d", "b"]) await work.end(item);
  assert.deepEqual(work.started, ["a", "c", "d", "b"]);
});

test("progress counts what was worked on since the queue was empty", async () => {
  const seen = [];
  const queue = new Queue(1, async (item) => item !== "nothing");
  queue.onProgress = ({ done, total, seconds }) => {
    assert.ok(seconds >= 0);
    seen.push(`${done}/${total}`);
  };
  queue.add("a", "nothing", "b");
  for (let i = 0; i < 4; i++) await new Promise(setImmediate);
  assert.deepEqual(seen, ["0/3", "1/3", "1/2", "2/2"]);
  seen.length = 0;
  queue.add("c");
  for (let i = 0; i < 2; i++) await new Promise(setImmediate);
  assert.deepEqual(seen, ["0/1", "1/1"]);
});

/** Runs of LatestOnly, as "quick", "full" and "idle". */
function recorded() {
  const log = [];
  const ends = [];
  const run = (quick, signal) => {
    log.push(quick ? "quick" : "full");
    signal.onabort = () => log.push("ended");
    return new Promise((end) => ends.push(end));
  };
  const latest = new LatestOnly(run, () => log.push("idle"));
  const end = async () => {
    ends.shift()();
    await new Promise(setImmediate);
  };
  return { latest, log, end };
}

test("what is asked for during a run becomes one run after it", async () => {
  const { latest, log, end } = recorded();
  latest.request(true);
  for (let i = 0; i < 5; i++) latest.request(true);
  assert.deepEqual(log, ["quick"]);
  await end();
  assert.deepEqual(log, ["quick", "quick"]);
  await end();
  assert.deepEqual(log, ["quick", "quick", "idle"]);
});

test("it is a full one where any of them was, in whichever order they came", async () => {
  for (const wanted of [[true, false, true], [false, true], [true, false]]) {
    const { latest, log, end } = recorded();
    latest.request(true);
    for (const quick of wanted) latest.request(quick);
    await end();
    assert.deepEqual(log, ["quick", "full"]);
  }
});

test("after a rest a run starts at once", async () => {
  const { latest, log, end } = recorded();
  latest.request(false);
  await end();
  latest.request(true);
  assert.deepEqual(log, ["full", "idle", "quick"]);
  await end();
  assert.deepEqual(log, ["full", "idle", "quick", "idle"]);
});

test("a request waits for its run, and for no other one's", async () => {
  const { latest, end } = recorded();
  let done = false;
  const first = latest.request(false).then(() => (done = true));
  await latest.request(true);
  assert.equal(done, false);
  await end();
  await first;
});

test("a full run is ended where a quick one is wanted, and no other", async () => {
  const { latest, log, end } = recorded();
  latest.request(false);
  latest.request(false);
  assert.deepEqual(log, ["full"]);
  latest.request(true);
  assert.deepEqual(log, ["full", "ended"]);
  await end();
  await end();
  latest.request(true);
  latest.request(true);
  latest.request(false);
  assert.deepEqual(log, ["full", "ended", "full", "idle", "quick"]);
});
