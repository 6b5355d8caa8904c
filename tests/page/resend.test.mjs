// What the server has let go is sent again.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as api from "../../src/tintype/web/page/api.js";
import { Photo } from "../../src/tintype/web/page/photo.js";
import { referenceFiles, withPhoto } from "../../src/tintype/web/page/resend.js";
import { fileOf, json, refusal, serve } from "./server.mjs";

const FILE = fileOf("aunt.jpg");

function heldPhoto(id = "old") {
  const photo = new Photo(FILE);
  photo.describe({ id, width: 4, height: 3 });
  return photo;
}

/** A server that knows some ids, and gives new ones to what is sent. */
function forgetful(context, known) {
  let count = 0;
  return serve(context, ({ method, path, body }) => {
    if (method === "POST" && /^v1\/(photos|layers)\?/.test(path)) {
      known.add(`new${++count}`);
      return json({ id: `new${count}`, width: 4, height: 3 });
    }
    const ids = [path.split("/")[2], ...(body?.reference ? [body.reference] : [])];
    return ids.every((id) => known.has(id)) ? json({}) : refusal(404, "unknown_id");
  });
}

const preview = (photo) => withPhoto(photo, () => api.preview(photo.id, photo.request(), 640));

test("a photograph that is held is not sent", async (context) => {
  const { asked } = forgetful(context, new Set(["old"]));
  await preview(heldPhoto());
  assert.equal(asked.length, 1);
});

test("one that was let go is sent once, and asked about by its new id", async (context) => {
  const photo = heldPhoto();
  const { asked } = forgetful(context, new Set());
  await preview(photo);
  assert.equal(photo.id, "new1");
  assert.deepEqual(
    asked.map(({ path }) => path),
    ["v1/photos/old/preview?side=640", "v1/photos?name=aunt.jpg", "v1/photos/new1/preview?side=640"],
  );
  assert.equal(asked[1].body, FILE);
});

test("so is its reference picture, each time", async (context) => {
  const photo = heldPhoto();
  const known = new Set(["old"]);
  const { asked } = forgetful(context, known);
  const file = fileOf("colors.png");
  const id = await referenceFiles.send(file);
  photo.settings.reference = { id, name: file.name, url: "blob:x" };
  await preview(photo);
  assert.equal(asked.length, 2);
  for (const expected of ["new2", "new4"]) {
    known.clear();
    await preview(photo);
    assert.equal(photo.settings.reference.id, expected);
    assert.equal(asked.at(-1).body.reference, expected);
  }
  assert.equal(asked.filter(({ body }) => body === file).length, 3);
});

test("no other error sends it, whatever its message", async (context) => {
  for (const [status, code] of [[404, "unknown_path"], [400, "invalid_value"], [404, ""]]) {
    const { asked } = serve(context, () =>
      json({ error: { code, message: "This photograph is no longer available." } }, status),
    );
    await assert.rejects(preview(heldPhoto()), { status, code });
    assert.equal(asked.length, 1);
  }
});

test("what goes wrong a second time is not tried a third time", async (context) => {
  const { asked } = serve(context, ({ path }) =>
    path.startsWith("v1/photos?") ? json({ id: "new", width: 1, height: 1 }) : refusal(404, "unknown_id"),
  );
  await assert.rejects(preview(heldPhoto()), { code: "unknown_id" });
  assert.equal(asked.length, 3);
});

test("what asks at the same time sends it once", async (context) => {
  const photo = heldPhoto();
  const { asked } = forgetful(context, new Set());
  await Promise.all([preview(photo), preview(photo), preview(photo)]);
  assert.equal(asked.filter(({ path }) => path.startsWith("v1/photos?")).length, 1);
});
