// @ts-check
// The page: what a person does becomes settings, the server decodes them, the picture is shown.
// This is the first screen; open.js has what is about an open photograph.

import * as api from "./api.js";
import * as continuing from "./continuing.js";
import * as drop from "./drop.js";
import * as focus from "./focus.js";
import * as help from "./help.js";
import * as intake from "./intake.js";
import * as notices from "./notices.js";
import { opened } from "./opening.js";
import * as toast from "./toast.js";
import * as welcome from "./welcome.js";
import { workspace } from "./workspace.js";

workspace.on("server", intake.showAccepted);
workspace.on("server", welcome.show);
workspace.on("add", continuing.keepNew);
workspace.on("select", (photo, previous) => {
  if (photo !== previous) continuing.keepSoon(photo);
});
workspace.on("state", continuing.keepSoon);
workspace.on("change", continuing.keepSoon);
workspace.on("remove", (photo) => {
  continuing.forget(photo);
  if (photo.id) api.removePhoto(photo.id).catch(() => {});
});
workspace.on("empty", continuing.showOffer);
workspace.on("empty", welcome.offerSamples);

for (const part of [continuing, drop, focus, help, intake, notices, toast]) part.wire();
try {
  workspace.setServer(await api.status());
} catch (error) {
  notices.complain("", api.asApiError(error));
}
await continuing.start();
document.body.dataset.ready = "yes";
opened().catch(() => {}); // asked for again when a photograph is added
await welcome.offerSamples();
