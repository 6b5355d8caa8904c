// Colours of the wheel and of the overlay.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as color from "../../src/tintype/web/page/color.js";

const close = (a, b, by) => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b}`);

test("known colours have their hue and strength", () => {
  const known = {
    "#ff0000": [0, 1], "#ffff00": [60, 1], "#00ff00": [120, 1], "#00ffff": [180, 1],
    "#0000ff": [240, 1], "#ff00ff": [300, 1], "#808080": [0, 0], "#000000": [0, 0],
    "#ffffff": [0, 0], "#804040": [0, 1 / 3], "#ffbfbf": [0, 1], "#ff0080": [330, 1],
  };
  for (const [hex, [h, s]] of Object.entries(known)) {
    const found = color.hexToHueStrength(hex);
    close(found.h, h, 0.2);
    close(found.s, s, 0.01);
  }
});

test("a hue at full strength and half lightness is the pure colour", () => {
  assert.equal(color.hueStrengthToHex({ h: 0, s: 1 }, 0.5), "#ff0000");
  assert.equal(color.hueStrengthToHex({ h: 120, s: 1 }, 0.5), "#00ff00");
  assert.equal(color.hueStrengthToHex({ h: 240, s: 1 }, 0.5), "#0000ff");
  assert.equal(color.hueStrengthToHex({ h: 30, s: 1 }, 0.5), "#ff8000");
  assert.equal(color.hueStrengthToHex({ h: 77, s: 0 }, 0.02), "#050505");
});

test("without a lightness it is that of the wheel", () => {
  assert.equal(color.hueStrengthToHex({ h: 0, s: 0 }), "#8f8f8f");
});

test("hue and strength survive the way through a colour", () => {
  for (let h = 0; h < 360; h += 7) {
    for (const s of [0.2, 0.6, 1]) {
      const found = color.hexToHueStrength(color.hueStrengthToHex({ h, s }));
      close(((found.h - h + 540) % 360) - 180, 0, 2);
      close(found.s, s, 0.01);
    }
  }
});

test("hex is read channel by channel", () => {
  assert.deepEqual(color.rgbOfHex("#0a80ff"), [10, 128, 255]);
});

test("the wheel turns clockwise from the right, and is strong at its edge", () => {
  assert.deepEqual(color.wheelAt(1, 0), { h: 0, s: 1 });
  assert.deepEqual(color.wheelAt(0, 0.5), { h: 90, s: 0.5 });
  assert.deepEqual(color.wheelAt(-1, 0), { h: 180, s: 1 });
  assert.deepEqual(color.wheelAt(0, -1), { h: 270, s: 1 });
  close(color.wheelAt(3, 4).s, 5, 1e-9);
});

test("the pixels of the wheel are its colours, and nothing outside of it", () => {
  const size = 40;
  const pixels = color.wheelPixels(size);
  const at = (x, y) => [...pixels.slice((y * size + x) * 4, (y * size + x) * 4 + 4)];
  assert.equal(pixels.length, size * size * 4);
  assert.deepEqual(at(0, 0), [0, 0, 0, 0]);
  assert.deepEqual(at(39, 39), [0, 0, 0, 0]);
  assert.deepEqual(at(20, 20), [143, 143, 143, 255]);
  const right = color.rgbOfHex(color.hueStrengthToHex({ h: 0, s: 0.5 }));
  assert.deepEqual(at(30, 20), [...right, 255]);
  const below = color.rgbOfHex(color.hueStrengthToHex({ h: 90, s: 0.5 }));
  assert.deepEqual(at(20, 30), [...below, 255]);
  assert.equal(at(0, 20)[3], 255);
  assert.equal(at(20, 0)[3], 255);
});

test("arrows turn the hue and change the strength, within the circle", () => {
  const at = { h: 3, s: 0.5 };
  assert.deepEqual(color.turnedByKey(at, "ArrowRight"), { h: 9, s: 0.5 });
  assert.deepEqual(color.turnedByKey(at, "ArrowLeft"), { h: 357, s: 0.5 });
  assert.deepEqual(color.turnedByKey(at, "ArrowUp"), { h: 3, s: 0.55 });
  assert.deepEqual(color.turnedByKey({ h: 3, s: 0.98 }, "ArrowUp"), { h: 3, s: 1 });
  assert.deepEqual(color.turnedByKey({ h: 3, s: 0.03 }, "ArrowDown"), { h: 3, s: 0.02 });
  assert.equal(color.turnedByKey(at, "Enter"), null);
});

/** A map of certainty with these levels of red, and something else in its other channels. */
const mapOf = (levels) => new Uint8ClampedArray(levels.flatMap((level) => [level, 7, 7, 255]));

test("the least certain part is what its share says, and no more", () => {
  const ramp = mapOf(Array.from({ length: 100 }, (_, i) => i));
  assert.equal(color.leastCertainLevel(ramp), 85);
  assert.equal(color.leastCertainLevel(ramp, 0.5), 50);
  assert.equal(color.leastCertainLevel(ramp, 1), 0);
  // A level that would be too much is left out as a whole.
  const steps = mapOf([...Array(80).fill(20), ...Array(10).fill(90), ...Array(10).fill(91)]);
  assert.equal(color.leastCertainLevel(steps), 91);
  assert.equal(color.leastCertainLevel(steps, 0.2), 21);
});

test("a map of one value has no least certain part", () => {
  assert.equal(color.leastCertainLevel(mapOf(Array(50).fill(200))), 201);
  assert.equal(color.leastCertainLevel(mapOf(Array(50).fill(255))), 256);
});

test("hatching is lines from a level on, and nothing below it", () => {
  const size = 20;
  const pixels = mapOf(Array.from({ length: size * size }, (_, i) => (i % size < 10 ? 40 : 200)));
  color.hatchFrom(pixels, size, 200, 2);
  const alphas = Array.from({ length: size }, (_, x) => pixels[(3 * size + x) * 4 + 3]);
  assert.deepEqual(alphas.slice(0, 10), Array(10).fill(0));
  assert.deepEqual(alphas.slice(10), [150, 48, 48, 48, 48, 48, 48, 240, 240, 150]);
  // Along a diagonal a line goes on.
  const at = (x, y) => [...pixels.slice((y * size + x) * 4, (y * size + x) * 4 + 4)];
  assert.deepEqual(at(17, 3), [255, 168, 64, 240]);
  assert.deepEqual(at(15, 5), at(17, 3));
  assert.deepEqual(at(19, 3), [0, 0, 0, 150]);
});

test("another vividness or warmth is estimated with the luma that was there", () => {
  const normal = { vividness: 1, warmth: 0 };
  const through = (matrix, rgb) =>
    [0, 1, 2].map((row) => {
      const [r, g, b, , shift] = matrix.slice(5 * row, 5 * row + 5);
      return r * rgb[0] + g * rgb[1] + b * rgb[2] + shift;
    });
  const luma = ([r, g, b]) => 0.299 * r + 0.587 * g + 0.114 * b;
  const spread = (rgb) => Math.max(...rgb) - Math.min(...rgb);
  const rgb = [0.55, 0.45, 0.35];
  assert.equal(color.toneMatrix(normal, { ...normal }), null);
  const vivid = through(color.toneMatrix(normal, { vividness: 1.6, warmth: 0 }), rgb);
  const pale = through(color.toneMatrix(normal, { vividness: 0.4, warmth: 0 }), rgb);
  assert.ok(spread(pale) < spread(rgb) && spread(rgb) < spread(vivid));
  const [warm, cold] = [0.5, -0.5].map((warmth) =>
    through(color.toneMatrix(normal, { vividness: 1, warmth }), rgb));
  assert.ok(warm[0] > rgb[0] && warm[2] < rgb[2] && cold[0] < rgb[0] && cold[2] > rgb[2]);
  for (const made of [vivid, pale, warm, cold]) assert.ok(Math.abs(luma(made) - luma(rgb)) < 1e-3);
  // There and back again.
  const other = { vividness: 0.2, warmth: 0 };
  const back = through(color.toneMatrix(other, normal), through(color.toneMatrix(normal, other), rgb));
  back.forEach((value, channel) => assert.ok(Math.abs(value - rgb[channel]) < 0.01));
});

test("the mean of pixels is that of each channel", () => {
  assert.deepEqual(color.meanRgb(Uint8ClampedArray.of(0, 10, 255, 255, 100, 20, 255, 255)), [50, 15, 255]);
});

test("three channels are one colour, in two digits each", () => {
  assert.equal(color.hexOfRgb([0, 9.6, 255]), "#000aff");
  assert.deepEqual(color.rgbOfHex(color.hexOfRgb([18, 52, 86])), [18, 52, 86]);
});
