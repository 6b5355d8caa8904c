// Texts that are made of values.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as album from "../../src/tintype/web/page/album_labels.js";
import * as labels from "../../src/tintype/web/page/labels.js";
import * as photo from "../../src/tintype/web/page/photo_labels.js";
import * as rounds from "../../src/tintype/web/page/round_labels.js";

test("shares are whole percents, and what is possible is at least one", () => {
  assert.equal(labels.percent(0.256), "26%");
  assert.equal(labels.percent(0.001), "0%");
  assert.equal(photo.percentOfPossible(0.256), "26%");
  assert.equal(photo.percentOfPossible(1), "100%");
  assert.equal(photo.percentOfPossible(0.001), "1%");
});

test("the ends of the reach have words", () => {
  assert.deepEqual([0, 0.5, 1].map(photo.reachText), ["only here", "50%", "the whole object"]);
});

test("numbers have two digits, and a sign where it matters", () => {
  assert.deepEqual([0.5, 0, -0.25].map(photo.signedPercent), ["+50%", "0%", "−25%"]);
});

test("each state has its label; a photograph that is ready needs none", () => {
  const states = ["waiting", "delayed", "working", "ready", "failed"];
  const wanted = ["waiting", "queued", "colouring…", "", "failed"];
  assert.deepEqual(states.map(photo.stateLabel), wanted);
});

test("a busy server is something else than work", () => {
  assert.equal(labels.progressText("a.jpg", "delayed"), "Waiting in the queue…");
  assert.equal(labels.progressText("a.jpg", "working"), "Colouring a.jpg…");
});

test("one photograph has a name, several have a number", () => {
  assert.equal(labels.addedText(["a.jpg"]), "a.jpg is being coloured.");
  assert.equal(labels.addedText(["a.jpg", "b.jpg"]), "2 photographs are being coloured.");
});

test("looks are told apart by name", () => {
  const names = ["suggested", "quieter", "bolder", "warmer", "greener", "cooler", "rosier"];
  const texts = [...names, null].map(photo.lookLabel);
  assert.equal(texts[1], "Quieter");
  assert.ok(texts.every((text) => /^[A-Z][a-z]+$/.test(text)));
  assert.equal(new Set(texts).size, texts.length);
});

test("the wheel says where its handle is", () => {
  assert.equal(photo.wheelText({ h: 119.6, s: 0.257 }), "hue 120, strength 26 percent");
});

test("a saved file has the name of the photograph and the ending of the server", () => {
  const disposition = 'attachment; filename="photo.color.webp"';
  assert.equal(photo.savedName("aunt.jpg", disposition), "aunt.color.webp");
  assert.equal(photo.savedName("aunt.1931.jpg", disposition), "aunt.1931.color.webp");
  assert.equal(photo.savedName("aunt", disposition), "aunt.color.webp");
  const comparison = 'attachment; filename="photo.comparison.gif"';
  assert.equal(photo.savedName("aunt.jpg", comparison), "aunt.comparison.gif");
  assert.equal(photo.savedName("aunt.jpg", null), "aunt.color.png");
  assert.equal(photo.savedName("aunt.jpg", "attachment"), "aunt.color.png");
});

test("the count of pairs says how sure it is", () => {
  const none = { answered: 0, fooled: 0, rate: null, low: 0, high: 1 };
  assert.equal(rounds.foolingText(none), "");
  assert.equal(rounds.everyoneText({ answered: 0, everyone: none }), "");
  const some = { answered: 4, fooled: 1, rate: 0.25, low: 0.046, high: 0.699 };
  assert.equal(rounds.foolingText(some), "Fooled 1 of 4 times: 25%.");
  assert.equal(rounds.everyoneText({ answered: 4, everyone: some }), ""); // nobody else has played
  assert.equal(
    rounds.everyoneText({ answered: 2, everyone: some }),
    "All rounds: 1 of 4 times, 25% (95% between 5% and 70%; 50% would be perfect).",
  );
  const never = { answered: 4, fooled: 0, rate: 0, low: 0, high: 0.49 };
  assert.match(rounds.foolingText(never), /^Fooled 0 of 4 times: 0%/);
});

test("the card of a round says what it shows", () => {
  assert.equal(rounds.scoreText(7, 10), "I found 7 of 10 real photographs.");
  assert.equal(rounds.scoreText(0, 0), "No pair was answered.");
  assert.equal(rounds.cardText(0, 0), "Nothing fooled me.");
  assert.equal(rounds.cardText(1, 1), "The pair that fooled me:");
  assert.equal(rounds.cardText(6, 4), "4 of the 6 pairs that fooled me:");
});

test("advice is for people in front of the page", () => {
  const advice = "Add --max-megapixels 108 if you trust the file.";
  assert.match(labels.adviceText({ code: "too_large", advice }), /smaller copy/);
  assert.equal(labels.adviceText({ code: "unsupported_photo", advice: "Do." }), "Do.");
  for (const text of ["notRenderedText", "notSavedText", "noSuggestionsText", "noReferenceText"]) {
    assert.match((labels[text] ?? photo[text])("aunt.jpg"), /aunt\.jpg/);
  }
});

test("a plain photograph has no notes, an unusual one says what it is", () => {
  const plain = { tone: "grey", pages: 1, format: "JPEG", writes: "JPEG", notes: [] };
  assert.deepEqual(labels.noteTexts(plain), []);
  const lost = "Its colour profile is damaged.";
  const found = labels.noteTexts({
    tone: "color", pages: 2, format: "HEIC", writes: "AVIF", notes: [lost],
  });
  assert.equal(found.length, 4);
  assert.match(found[0], /^Already in colour/);
  assert.match(found[1], /^Page 1 of 2/);
  assert.match(found[2], /^Saved as AVIF.*HEIC/);
  assert.equal(found[3], lost);
  assert.match(labels.noteTexts({ ...plain, tone: "toned" })[0], /sepia/);
});

test("what is kept, and what is not, has its line", () => {
  assert.equal(labels.removedText(["a.jpg"]), "a.jpg removed.");
  assert.equal(labels.removedText(["a.jpg", "b.jpg"]), "2 photographs removed.");
  assert.equal(labels.offerText(["a.jpg"]), "Kept in this browser: a.jpg.");
  assert.match(labels.droppedText(["a.jpg"], 2 ** 30), /a\.jpg\. This browser keeps 1 GiB at most/);
  assert.match(labels.droppedText(["a.jpg"], 2 ** 28), /keeps 256 MiB/);
  assert.match(labels.notKeptText("a.tif"), /^a\.tif is not kept/);
});

test("progress names the time that is left once it can be known", () => {
  const line = (done, total, seconds) => album.progressLine({ done, total, seconds }, "coloured");
  assert.equal(line(0, 8, 3), "0 of 8 coloured");
  assert.equal(line(2, 8, 20), "2 of 8 coloured, about 60 s left");
  assert.equal(line(2, 32, 20), "2 of 32 coloured, about 5 min left");
  assert.equal(line(7, 8, 0.1), "7 of 8 coloured, about 1 s left");
});

test("an album says what is in it and what is not", () => {
  assert.equal(album.albumText(1, false), "1 photograph saved as one zip.");
  assert.equal(album.albumText(3, true), "3 photographs saved as one zip, with remarks in notes.txt.");
  assert.equal(album.leftOutText([], []), "");
  assert.equal(album.leftOutText(["a"], []), "Not coloured, and not in it: a.");
  assert.match(album.leftOutText(["a"], ["b", "c"]), /in it: a\. Left out, .*: 2 photographs\./);
  assert.match(album.sameText(1), /used for the other one\.$/);
  assert.match(album.sameText(3), /used for 3 others\.$/);
  assert.equal(photo.positionText("a", 0, 3), "a, 1 of 3");
});

test("a folder says what was not taken", () => {
  assert.equal(labels.folderText(2, ["a.doc"]), "Not photographs that can be read: a.doc.");
  assert.equal(labels.folderText(2, ["a", "b"]), "Not photographs that can be read: 2 files.");
  assert.equal(labels.folderText(0, []), "There is no photograph in this folder.");
  assert.match(labels.folderText(0, ["a.doc"]), /^There is no .* read: a\.doc\.$/);
});

test("the page says where photographs go: nowhere, or to a computer with a name", () => {
  assert.match(labels.promiseText(null), /stay on this machine/);
  assert.match(labels.whereText(null), /Nothing is sent/);
  for (const text of [labels.promiseText("attic"), labels.whereText("attic")]) {
    assert.match(text, /attic/);
    assert.doesNotMatch(text, /stay|Nothing/);
  }
});

test("a choice names its key where there are keys", () => {
  assert.equal(rounds.choiceText("left", false), "This one is real (←)");
  assert.equal(rounds.choiceText("right", false), "This one is real (→)");
  assert.equal(rounds.choiceText("left", true), "This one is real");
});

test("what is wrong with the file itself is not tried again", () => {
  for (const code of ["unreadable_photo", "unsupported_photo", "empty_file", "unreadable_file"]) {
    assert.equal(labels.canBeRetried({ code }), false, code);
  }
  for (const code of ["", "busy", "too_large", "internal_error", "work_timeout", "body_timeout"]) {
    assert.equal(labels.canBeRetried({ code }), true, code);
  }
});

test("a finger taps and a mouse clicks", () => {
  assert.match(photo.hintTip(true), /^Tap a place/);
  assert.match(photo.hintTip(false), /^Click a place/);
  assert.match(photo.legendText(true, 0.15), /15%.* Tap there/);
  assert.match(photo.legendText(false, 0.15), /15%.* Click there/);
});
