// Requests and errors of the HTTP API.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as api from "../../src/tintype/web/page/api.js";
import { fileOf, json, refusal, serve } from "./server.mjs";

const REQUEST = { vividness: 1, warmth: 0, hints: [], strokes: [], grey_strokes: [] };

const FILE = fileOf("a & b.jpg");

test("each function asks for its path", async (context) => {
  const { asked } = serve(context, ({ path }) =>
    json(path.includes("palettes") ? { shares: [0.75, 0.25], looks: ["suggested", null] } : { id: "new" }),
  );
  await api.status();
  await api.grey("p", 640);
  await api.preview("p", REQUEST, 132);
  await api.certainty("p", REQUEST, 80);
  assert.deepEqual(await api.looks("p", REQUEST), ["suggested", null]);
  await api.suggestions("p", REQUEST, 7, 9);
  await api.finishedFile("p", REQUEST, {});
  await api.finishedFile("p", REQUEST, { format: "PNG", keep_location: 1 });
  await api.removePhoto("p");
  assert.deepEqual(await api.addPhoto(FILE), { id: "new" });
  assert.equal(await api.addLayer("reference", FILE), "new");
  const body = REQUEST;
  assert.deepEqual(asked, [
    { method: "GET", path: "v1/status", body: undefined },
    { method: "GET", path: "v1/photos/p/grey?side=640", body: undefined },
    { method: "POST", path: "v1/photos/p/preview?side=132", body },
    { method: "POST", path: "v1/photos/p/certainty?side=80", body },
    { method: "POST", path: "v1/photos/p/palettes", body },
    { method: "POST", path: "v1/photos/p/suggestions?x=7&y=9&count=6&draft=1", body },
    { method: "POST", path: "v1/photos/p/file", body },
    { method: "POST", path: "v1/photos/p/file?format=PNG&keep_location=1", body },
    { method: "DELETE", path: "v1/photos/p", body: undefined },
    { method: "POST", path: "v1/photos?name=a+%26+b.jpg", body: FILE },
    { method: "POST", path: "v1/layers?kind=reference&name=a+%26+b.jpg", body: FILE },
  ]);
});

test("an error has the status, code, message and advice of the answer", async (context) => {
  serve(context, () => refusal(415, "unsupported_photo"));
  await assert.rejects(api.addPhoto(FILE), (error) => {
    assert.ok(error instanceof api.ApiError);
    assert.deepEqual(
      [error.status, error.code, error.message, error.advice],
      [415, "unsupported_photo", "Reworded.", "Do this."],
    );
    return true;
  });
});

test("an answer that is no JSON, or another JSON, still is an error", async (context) => {
  const answers = [new Response("<html>", { status: 502 }), json(null, 502), json({}, 502)];
  serve(context, () => answers.shift());
  for (let i = 0; i < 3; i++) {
    const expected = { status: 502, code: "", message: "Error 502.", advice: "" };
    await assert.rejects(api.status(), expected);
  }
});

test("a server that is not there is an error without a status", async (context) => {
  serve(context, () => {
    throw new TypeError("refused");
  });
  await assert.rejects(api.status(), {
    status: 0,
    code: "",
    message: "Tintype is not responding.",
    advice: "Start it again with: tintype serve. Then carry on here.",
  });
});

test("a busy server is asked again after its time, at least a second", async (context) => {
  const answers = [
    refusal(503, "busy", { "Retry-After": "4" }),
    refusal(503, "busy"),
    json({ id: "p" }),
  ];
  const { asked, pauses } = serve(context, () => answers.shift());
  const waits = [];
  const found = await api.addPhoto(FILE, { onWait: (seconds) => waits.push(seconds) });
  assert.deepEqual(found, { id: "p" });
  assert.deepEqual(waits, [4, 0]);
  assert.deepEqual(pauses, [4000, 1000]);
  assert.deepEqual(asked.map(({ body }) => body), [FILE, FILE, FILE]);
});

test("a server that stays busy is given up", async (context) => {
  const { asked } = serve(context, () => refusal(503, "busy"));
  await assert.rejects(api.addPhoto(FILE, { attempts: 2 }), { status: 503, code: "busy" });
  assert.equal(asked.length, 3);
  await assert.rejects(api.status(), { status: 503 });
  assert.equal(asked.length, 3 + 7);
});

test("other errors are not asked again", async (context) => {
  const { asked } = serve(context, () => refusal(504, "work_timeout"));
  await assert.rejects(api.status());
  assert.equal(asked.length, 1);
});

test("anything that was thrown becomes an error of this kind", () => {
  const ours = new api.ApiError(404, { code: "unknown_id", message: "Gone." });
  assert.equal(api.asApiError(ours), ours);
  assert.equal(api.asApiError(new TypeError("no such thing")).message, "no such thing");
  assert.equal(api.asApiError("text").message, "text");
  assert.equal(api.asApiError("text").status, 0);
});

test("a file that cannot be sent is told from a server that is gone", async (context) => {
  const { asked } = serve(context, () => json({ id: "new" }));
  const empty = fileOf("scan.jpg", "");
  await assert.rejects(api.addPhoto(empty), { status: 0, code: "empty_file" });
  const gone = { name: "album", slice: () => ({ arrayBuffer: () => Promise.reject(new Error()) }) };
  for (const ask of [() => api.addPhoto(gone), () => api.addLayer("reference", gone)]) {
    await assert.rejects(ask, ({ code, message, advice }) => {
      assert.equal(code, "unreadable_file");
      assert.match(message, /album.*folder/);
      assert.match(advice, /drop/);
      return true;
    });
  }
  assert.deepEqual(asked, []);
});
