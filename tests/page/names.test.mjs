import assert from "node:assert/strict";
import { test } from "node:test";

import { colorName, colorOf } from "../../src/tintype/web/page/names.js";

test("colours are called what people call them", () => {
  for (const [hex, name] of [
    ["#ff0000", "red"], ["#000000", "black"], ["#808080", "grey"], ["#ffffff", "white"],
    ["#3060d0", "blue"], ["#a8c4f0", "light blue"], ["#102050", "dark blue"], ["#8b5a2b", "brown"],
    ["#3b2410", "dark brown"], ["#e0b020", "yellow"], ["#2e8b3a", "green"], ["#d04a90", "pink"],
    ["#78876e", "greyish green"], ["#ff0004", "red"], ["#8a2be2", "violet"],
  ]) {
    assert.equal(colorName(hex), name, hex);
  }
});

test("every colour has a name", () => {
  for (let value = 0; value < 0xffffff; value += 4999) {
    assert.match(colorName(`#${value.toString(16).padStart(6, "0")}`), /^[a-z][a-z -]+$/);
  }
});

test("a colour is found by its name as it is typed", () => {
  const names = { "dusty rose": "#c0737a", teal: "#008080", "xkcd:teal": "#029386" };
  for (const [typed, hex] of [
    ["dusty rose", "#c0737a"], [" Dusty-Rose ", "#c0737a"], ["dustyrose", "#c0737a"], ["TEAL", "#008080"],
    ["xkcd:teal", "#029386"], ["#C04030", "#c04030"], ["dusty", null], ["", null], ["toString", null],
  ]) {
    assert.equal(colorOf(names, typed), hex, typed);
  }
});
