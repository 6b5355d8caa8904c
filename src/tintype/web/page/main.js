// @ts-check
// The page: what a person does becomes settings, the server decodes them, the picture is shown.

import * as api from "./api.js";
import * as album from "./album.js";
import * as brush from "./brush.js";
import * as certainty from "./certainty.js";
import * as continuing from "./continuing.js";
import * as controls from "./controls.js";
import { element } from "./dom.js";
import * as drop from "./drop.js";
import * as filmstrip from "./filmstrip.js";
import * as help from "./help.js";
import * as hints from "./hints.js";
import * as intake from "./intake.js";
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
import * as toast from "./toast.js";
import * as tools from "./tools.js";
import { workspace } from "./workspace.js";
import * as zoom from "./zoom.js";

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
  intake.colorSoon(photo);
  continuing.keepNew(photo);
});
workspace.on("select", async (photo, previous) => {
  picker.close();
  if (photo !== previous) {
    palettes.clear();
    continuing.keepSoon(photo);
  }
  filmstrip.showCurrent(photo);
  stage.show(photo);
  reveal.showOwnCopy(photo);
  showState(photo);
  showSettings();
  intake.colorNext(photo);
  if (photo.state !== "ready") return;
  await preview.refreshAll();
  await intake.fetchGrey(photo);
});
workspace.on("state", (photo) => {
  filmstrip.showState(photo);
  if (photo === workspace.current) showState(photo);
  continuing.keepSoon(photo);
});
workspace.on("change", (photo) => {
  continuing.keepSoon(photo);
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
  continuing.forget(photo);
  if (photo.id) api.removePhoto(photo.id).catch(() => {});
});
workspace.on("empty", () => {
  stage.showOpen(false);
  controls.showSteps();
  continuing.showOffer();
});

const parts = [
  album, brush, certainty, continuing, controls, drop, help, intake, keys, palettes, picker, pointer,
  reference, rotation, save, stage, tiles, toast, tools, zoom, pan,
];
for (const part of parts) part.wire();
tools.select("compare");
try {
  workspace.server = await api.status();
  intake.showAccepted();
} catch (error) {
  notices.complain("", api.asApiError(error));
}
save.showFormats();
element("palette-box", HTMLElement).hidden = !workspace.server.capabilities.includes("logits");
element("reference-box", HTMLElement).hidden = !workspace.server.capabilities.includes("features");
await continuing.start();
document.body.dataset.ready = "yes";
