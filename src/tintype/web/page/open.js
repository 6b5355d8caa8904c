// @ts-check
// What is about an open photograph: loaded after the first screen, and before the first is added.

import * as album from "./album.js";
import * as brush from "./brush.js";
import * as certainty from "./certainty.js";
import * as coloring from "./coloring.js";
import * as controls from "./controls.js";
import { element } from "./dom.js";
import * as filmstrip from "./filmstrip.js";
import * as hints from "./hints.js";
import * as keys from "./keys.js";
import * as notices from "./notices.js";
import * as pan from "./pan.js";
import * as palettes from "./palettes.js";
import * as picker from "./picker.js";
import * as pointer from "./pointer.js";
import * as preview from "./preview.js";
import * as reference from "./reference.js";
import * as reveal from "./reveal.js";
import * as rotation from "./rotation.js";
import * as save from "./save.js";
import * as stage from "./stage.js";
import * as tiles from "./tiles.js";
import * as tools from "./tools.js";
import { workspace } from "./workspace.js";
import * as zoom from "./zoom.js";

export { prefer } from "./coloring.js";

/** @typedef {import("./photo.js").Photo} Photo */

function showSettings() {
  controls.showSettings();
  palettes.showSettings();
  reference.showSettings();
  brush.showSize();
  hints.draw();
}

/** @param {Photo} photo the one that is shown */
function showState(photo) {
  notices.showState(photo);
  controls.showState(photo);
}

workspace.on("add", (photo) => {
  filmstrip.add(photo);
  stage.showOpen(true);
  album.showCount();
  coloring.colorSoon(photo);
});
workspace.on("select", async (photo, previous) => {
  picker.close();
  if (photo !== previous) palettes.clear();
  filmstrip.showCurrent(photo);
  stage.show(photo);
  reveal.showOwnCopy(photo);
  showState(photo);
  showSettings();
  coloring.colorNext(photo);
  if (photo.state !== "ready") return;
  await preview.refreshAll();
  await coloring.fetchGrey(photo);
});
workspace.on("state", (photo) => {
  filmstrip.showState(photo);
  if (photo === workspace.current) showState(photo);
});
workspace.on("change", (photo) => {
  if (photo !== workspace.current) return preview.refreshHidden(photo);
  stage.layOut();
  filmstrip.showPicture(photo);
  showSettings();
  preview.refreshChanged();
});
workspace.on("draft", hints.draw);
workspace.on("remove", (photo) => {
  filmstrip.remove(photo);
  album.showCount();
});
workspace.on("empty", () => {
  stage.showOpen(false);
  controls.showSteps();
});

function showServer() {
  const { capabilities } = workspace.server;
  save.showFormats();
  element("palette-box", HTMLElement).hidden = !capabilities.includes("logits");
  element("reference-box", HTMLElement).hidden = !capabilities.includes("features");
}

const parts = [
  album, brush, certainty, coloring, controls, keys, palettes, picker, pointer, reference,
  rotation, save, stage, tiles, tools, zoom, pan,
];
for (const part of parts) part.wire();
tools.select("compare");
workspace.on("server", showServer);
showServer();
