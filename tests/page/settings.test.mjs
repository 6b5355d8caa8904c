// What is set, and the request that it becomes.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  PALETTES,
  colorRequest,
  defaultSettings,
  sliderOfVividness,
  vividnessOfSlider,
  withoutHint,
} from "../../src/tintype/web/page/settings.js";

const HINT = { x: 1, y: 2, color: "#102030", radius: 3 };
const OTHER = { x: 4, y: 5, color: "#405060", radius: 6 };

test("nothing set is a request for what the model recommends", () => {
  assert.deepEqual(colorRequest(defaultSettings()), {
    vividness: null,
    warmth: 0,
    hints: [],
    strokes: [],
    grey_strokes: [],
  });
});

test("a reach is sent where one is set", () => {
  assert.equal(colorRequest({ ...defaultSettings(), reach: 0 }).reach, 0);
  assert.ok(!("reach" in colorRequest(defaultSettings())));
});

test("defaults are never shared", () => {
  defaultSettings().hints.push(HINT);
  assert.deepEqual(defaultSettings().hints, []);
});

test("a request contains what is set", () => {
  const stroke = { points: [[1, 2]], radius: 4, color: "#ffffff" };
  const set = { vividness: 1.5, warmth: -0.5, hints: [HINT], strokes: [stroke], grey_strokes: [] };
  assert.deepEqual(colorRequest({ ...defaultSettings(), ...set }), set);
});

test("a palette is named with how many there are, the default one not at all", () => {
  const request = colorRequest({ ...defaultSettings(), palette: 3 });
  assert.deepEqual([request.palettes, request.palette], [PALETTES, 3]);
  assert.ok(!("palette" in colorRequest({ ...defaultSettings(), palette: 3 }, 0)));
  assert.equal(colorRequest({ ...defaultSettings(), palette: 3 }, 2).palette, 2);
});

test("a reference is named by its layer, without what only the page needs", () => {
  const reference = { id: "layer", name: "aunt.jpg", url: "blob:x" };
  assert.equal(colorRequest({ ...defaultSettings(), reference }).reference, "layer");
});

test("a request without one hint has the others, and the first request keeps all", () => {
  const request = colorRequest({ ...defaultSettings(), hints: [HINT, OTHER] });
  assert.deepEqual(withoutHint(request, 0).hints, [OTHER]);
  assert.deepEqual(withoutHint(request, 1).hints, [HINT]);
  assert.equal(request.hints.length, 2);
});

test("the middle of the vividness slider is what is recommended, and its ends are those of the API", () => {
  for (const recommended of [0, 0.97, 1, 1.3, 2]) {
    assert.equal(sliderOfVividness(null, recommended), 0);
    assert.equal(sliderOfVividness(recommended, recommended), 0);
    assert.equal(vividnessOfSlider(0, recommended), null);
    assert.equal(vividnessOfSlider(-1, recommended), 0);
    assert.equal(vividnessOfSlider(1, recommended), 2);
  }
  assert.equal(vividnessOfSlider(-0.5, 0.97), 0.485);
  for (const place of [-1, -0.34, 0.02, 0.8, 1]) {
    const value = vividnessOfSlider(place, 0.97);
    assert.ok(Math.abs(sliderOfVividness(value, 0.97) - place) < 0.001, String(place));
  }
});
