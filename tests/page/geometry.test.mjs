// Sizes and places.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as geometry from "../../src/tintype/web/page/geometry.js";

const WIDE = { width: 4000, height: 2000 };
const TALL = { width: 500, height: 1000 };

test("a photograph fits into the room, whichever side is the tight one", () => {
  const room = { width: 800, height: 600 };
  assert.deepEqual(geometry.sheetSize(WIDE, room, 1), { width: 800, height: 400 });
  assert.deepEqual(geometry.sheetSize(TALL, room, 1), { width: 300, height: 600 });
  assert.deepEqual(geometry.sheetSize(WIDE, room, 2), { width: 1600, height: 800 });
});

test("a sheet never vanishes, not even in a window without room", () => {
  const strip = { width: 4000, height: 100 };
  assert.deepEqual(geometry.sheetSize(strip, { width: 400, height: 600 }, 1), {
    width: 400,
    height: 40,
  });
  assert.equal(geometry.sheetSize({ width: 100, height: 4000 }, WIDE, 1).width, 50);
  assert.deepEqual(geometry.sheetSize(WIDE, { width: -20, height: 300 }, 12), {
    width: 48,
    height: 40,
  });
});

test("zoom goes in and out within its limits, and back to the whole photograph", () => {
  assert.equal(geometry.zoomed(2, "in", 4), 3);
  assert.equal(geometry.zoomed(3, "out", 4), 2);
  assert.equal(geometry.zoomed(7, "fit", 4), 1);
  assert.equal(geometry.zoomed(1, "full", 4.4), 4.4);
  assert.equal(geometry.zoomed(15, "in", 4), 16);
  assert.equal(geometry.zoomed(3.5, "in", 0.5), 4); // a small photograph is enlarged
  assert.equal(geometry.zoomed(2, "full", 0.5), 1); // and never shown smaller than the room
  assert.equal(geometry.zoomed(1.2, "out", 4), 1);
});

test("1:1 is one pixel for one of the screen", () => {
  const room = { width: 800, height: 600 };
  assert.equal(geometry.oneToOne(WIDE, room, 1), 5);
  assert.equal(geometry.oneToOne(WIDE, room, 2), 2.5);
  assert.equal(geometry.oneToOne(TALL, room, 1), 500 / 300);
});

test("the wheel zooms by what it turns, and back to where it was", () => {
  const turn = (deltaY, more = {}) => ({ deltaY, deltaMode: 0, ctrlKey: false, ...more });
  const near = geometry.zoomedByWheel(2, turn(-100));
  assert.ok(near > 2.2 && near < 2.5);
  assert.ok(Math.abs(geometry.zoomedByWheel(near, turn(100)) - 2) < 1e-9);
  assert.ok(geometry.zoomedByWheel(2, turn(-3, { deltaMode: 1 })) > 2.1); // lines
  assert.ok(geometry.zoomedByWheel(2, turn(-10, { ctrlKey: true })) > 2.2); // a trackpad's fingers
});

test("what can be seen is counted from the photograph's corner", () => {
  const window = { left: 0, top: 100, width: 400, height: 300 };
  const whole = { left: 50, top: 150, width: 200, height: 100 };
  assert.deepEqual(geometry.visiblePart(whole, window), { left: 0, top: 0, width: 200, height: 100 });
  const large = { left: -500, top: -200, width: 2000, height: 900 };
  assert.deepEqual(geometry.visiblePart(large, window), {
    left: 500, top: 300, width: 400, height: 300,
  });
});

test("tiles are as sharp as the screen, and no sharper than the photograph", () => {
  assert.equal(geometry.tileLevel(4000, 4000), 0);
  assert.equal(geometry.tileLevel(4000, 9000), 0);
  assert.equal(geometry.tileLevel(4000, 2001), 0);
  assert.equal(geometry.tileLevel(4000, 2000), 1);
  assert.equal(geometry.tileLevel(4000, 900), 2);
});

test("only tiles that can be seen are wanted", () => {
  const photo = { width: 4000, height: 2000 };
  const part = { left: 0.25, top: 0, width: 0.13, height: 0.2 };
  assert.deepEqual(geometry.tilesIn(photo, part, 0, 512), [
    { level: 0, column: 1, row: 0 },
    { level: 0, column: 2, row: 0 },
  ]);
  const all = { left: 0, top: 0, width: 1, height: 1 };
  assert.equal(geometry.tilesIn(photo, all, 0, 512).length, 8 * 4);
  assert.deepEqual(geometry.tilesIn(photo, all, 3, 512), [{ level: 3, column: 0, row: 0 }]);
  // The left edge of a photograph that is turned right is its lower one.
  const edge = { left: 0, top: 0, width: 0.01, height: 0.01 };
  const turned = geometry.tilesIn({ ...photo, rotation: 90 }, edge, 0, 512);
  assert.deepEqual(turned, [{ level: 0, column: 0, row: 3 }]);
});

test("tiles lie beside each other without a gap, up to the edge", () => {
  const photo = { width: 1301, height: 903 };
  const one = geometry.tileBox(photo, { level: 0, column: 1, row: 0 }, 512);
  const last = geometry.tileBox(photo, { level: 0, column: 2, row: 1 }, 512);
  assert.ok(Math.abs(one.left + one.width - last.left) < 1e-9);
  assert.ok(Math.abs(one.top + one.height - last.top) < 1e-9);
  assert.ok(Math.abs(last.left + last.width - 100) < 1e-9);
  assert.ok(Math.abs(last.top + last.height - 100) < 1e-9);
});

test("a turned photograph has its places where they were", () => {
  const box = { left: 0, top: 0, width: 200, height: 400 };
  const photo = { width: 400, height: 200 };
  const at = (rotation, x, y) => geometry.pixelAt({ x, y }, box, { ...photo, rotation });
  // Its upper left corner is the upper right one, turned right; the lower left one, turned left.
  assert.deepEqual(at(90, 199.5, 0.5), { x: 0, y: 0 });
  assert.deepEqual(at(270, 0.5, 399.5), { x: 0, y: 0 });
  assert.deepEqual(at(90, 0.5, 0.5), { x: 0, y: 199 });
  const upside = { left: 0, top: 0, width: 400, height: 200 };
  assert.deepEqual(geometry.pixelAt({ x: 399.5, y: 199.5 }, upside, { ...photo, rotation: 180 }), {
    x: 0, y: 0,
  });
  assert.deepEqual(geometry.stepTurnedBack([1, 0], 90), [0, -1]);
  assert.deepEqual(geometry.stepTurnedBack([0, 1], 90), [1, 0]);
  assert.deepEqual(geometry.stepTurnedBack([1, 0], 180), [-1, 0]);
  assert.deepEqual(geometry.turnedSize({ ...photo, rotation: 270 }), { width: 200, height: 400 });
  assert.deepEqual(geometry.turnedSize({ ...photo, rotation: 180 }), photo);
  assert.deepEqual(["left", "right"].map((way) => geometry.turnedFurther(0, way)), [270, 90]);
  assert.equal(geometry.turnedFurther(270, "right"), 0);
});

test("a picture that lies on its side has another shape", () => {
  assert.ok(geometry.sameShape({ width: 4000, height: 3000 }, { width: 1000, height: 751 }));
  assert.ok(!geometry.sameShape({ width: 4000, height: 3000 }, { width: 750, height: 1000 }));
  assert.ok(!geometry.sameShape({ width: 4000, height: 3000 }, { width: 1000, height: 700 }));
});

test("the picture that is shown first is as large as the window, within limits", () => {
  assert.equal(geometry.revealSide({ width: 1280, height: 800 }, 1), 1280);
  assert.equal(geometry.revealSide({ width: 390, height: 844 }, 3), 2048);
  assert.equal(geometry.revealSide({ width: 300, height: 200 }, 1), 640);
});

test("a sharp preview is as large as the screen shows it, within limits", () => {
  const large = { width: 3000, height: 6000 };
  assert.equal(geometry.previewSide(large, 900, 1), 900);
  assert.equal(geometry.previewSide(large, 900.4, 2), 1801);
  assert.equal(geometry.previewSide(large, 900, 3), 1800); // no eye sees more than two
  assert.equal(geometry.previewSide(large, 200, 1), 640);
  assert.equal(geometry.previewSide(large, 1500, 2), 2048);
  assert.equal(geometry.previewSide({ width: 300, height: 500 }, 900, 2), 500);
});

test("a quick preview is small, and never larger than the photograph", () => {
  assert.equal(geometry.quickSide(WIDE), 640);
  assert.equal(geometry.quickSide({ width: 300, height: 500 }), 500);
});

const BOX = { left: 100, top: 50, width: 400, height: 200 };

test("a place is a pixel, and one outside the nearest one", () => {
  assert.deepEqual(geometry.pixelAt({ x: 100, y: 50 }, BOX, WIDE), { x: 0, y: 0 });
  assert.deepEqual(geometry.pixelAt({ x: 300, y: 149.99 }, BOX, WIDE), { x: 2000, y: 999 });
  assert.deepEqual(geometry.pixelAt({ x: 0, y: 0 }, BOX, WIDE), { x: 0, y: 0 });
  assert.deepEqual(geometry.pixelAt({ x: 500, y: 250 }, BOX, WIDE), { x: 3999, y: 1999 });
});

test("the middle of a pixel is a share of the side", () => {
  assert.equal(geometry.percentAlong(0, 2), 25);
  assert.equal(geometry.percentAlong(3, 8), 43.75);
});

test("the cursor of the keyboard moves with the arrows and stays on the photograph", () => {
  const at = { x: 50, y: 50 };
  assert.deepEqual(geometry.movedCursor(at, "ArrowLeft", false), { x: 49, y: 50 });
  assert.deepEqual(geometry.movedCursor(at, "ArrowRight", false), { x: 51, y: 50 });
  assert.deepEqual(geometry.movedCursor(at, "ArrowUp", true), { x: 50, y: 40 });
  assert.deepEqual(geometry.movedCursor(at, "ArrowDown", true), { x: 50, y: 60 });
  assert.deepEqual(geometry.movedCursor({ x: 97, y: 4 }, "ArrowRight", true), { x: 100, y: 4 });
  assert.deepEqual(geometry.movedCursor({ x: 97, y: 4 }, "ArrowUp", true), { x: 97, y: 0 });
  assert.deepEqual(geometry.movedCursor({ x: 4, y: 97 }, "ArrowLeft", true), { x: 0, y: 97 });
  assert.deepEqual(geometry.movedCursor({ x: 4, y: 97 }, "ArrowDown", true), { x: 4, y: 100 });
  assert.equal(geometry.movedCursor(at, "Enter", false), null);
});

test("under the cursor there is always a pixel", () => {
  const photo = { width: 40, height: 20 };
  assert.deepEqual(geometry.pixelUnderCursor({ x: 51, y: 49 }, photo), { x: 20, y: 9 });
  assert.deepEqual(geometry.pixelUnderCursor({ x: 50, y: 50 }, photo), { x: 20, y: 10 });
  assert.deepEqual(geometry.pixelUnderCursor({ x: 100, y: 100 }, photo), { x: 39, y: 19 });
});

test("a new hint is as large as the photograph allows", () => {
  assert.equal(geometry.newHintRadius(WIDE), 16);
  assert.equal(geometry.newHintRadius(TALL), 4);
  assert.equal(geometry.newHintRadius({ width: 700, height: 450 }), 4);
  assert.equal(geometry.newHintRadius({ width: 20, height: 30 }), 1);
});

test("the slider of a hint's size is finer where it is small, and comes back to its place", () => {
  assert.equal(geometry.radiusOfSlider(0, WIDE), 0);
  assert.equal(geometry.radiusOfSlider(10, WIDE), 20);
  assert.equal(geometry.radiusOfSlider(20, WIDE), 80);
  assert.equal(geometry.radiusOfSlider(9, { width: 900, height: 400 }), 4); // 3.6
  assert.equal(geometry.sliderOfRadius(4, { width: 900, height: 400 }), 9); // 9.4
  assert.equal(geometry.sliderOfRadius(5, { width: 900, height: 400 }), 11); // 10.5
  for (const value of [0, 5, 30, 60]) {
    assert.equal(geometry.sliderOfRadius(geometry.radiusOfSlider(value, WIDE), WIDE), value);
  }
});

test("the brush has its size on the screen, whatever the zoom", () => {
  assert.equal(geometry.brushRadius(20, 4000, 800), 100);
  assert.equal(geometry.brushRadius(20, 4000, 1600), 50);
  assert.equal(geometry.brushRadius(20, 4000, 1590), 50); // 50.3
  assert.equal(geometry.brushRadius(20, 4000, 1610), 50); // 49.7
  assert.equal(geometry.brushRadius(2, 100, 800), 1);
});

test("a stroke takes the points that change it", () => {
  const stroke = { points: [[0, 0]], radius: 30 };
  geometry.extendStroke(stroke, { x: 9, y: 4 });
  assert.deepEqual(stroke.points, [[0, 0]]);
  geometry.extendStroke(stroke, { x: 6, y: 8 });
  assert.deepEqual(stroke.points, [[0, 0], [6, 8]]);
  geometry.extendStroke(stroke, { x: 12, y: 15 });
  assert.equal(stroke.points.length, 2); // near to the last one, not to the first
  const fine = { points: [[5, 5]], radius: 1 };
  geometry.extendStroke(fine, { x: 5, y: 5 });
  geometry.extendStroke(fine, { x: 5, y: 6 });
  assert.deepEqual(fine.points, [[5, 5], [5, 6]]);
});

test("hatching has the pixels of the screen, within a limit", () => {
  const map = { width: 640, height: 320 };
  assert.deepEqual(geometry.hatchSize(map, 960, 1), {
    size: { width: 960, height: 480 }, scale: 1,
  });
  assert.deepEqual(geometry.hatchSize(map, 500, 2), {
    size: { width: 1000, height: 500 }, scale: 2,
  });
  assert.deepEqual(geometry.hatchSize(map, 4096, 3), {
    size: { width: 2048, height: 1024 }, scale: 0.5,
  });
});

test("the pixels around a place are those of the picture, and never outside of it", () => {
  const photo = { width: 4000, height: 3000 };
  const drawn = { width: 400, height: 300 };
  const patch = (x, y, size = drawn) => geometry.patchAround({ x, y }, photo, size, 3);
  assert.deepEqual(patch(2000, 1500), { left: 199, top: 149, width: 3, height: 3 });
  assert.deepEqual(patch(0, 0), { left: 0, top: 0, width: 3, height: 3 });
  assert.deepEqual(patch(3999, 2999), { left: 397, top: 297, width: 3, height: 3 });
  assert.deepEqual(patch(3999, 10, { width: 2, height: 90 }), { left: 0, top: 0, width: 2, height: 3 });
});
