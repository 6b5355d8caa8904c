// How the modules of the page are built: typed, without circles, and pure where they can be.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../src/tintype/web/page/", import.meta.url);
const PURE = [
  "album_labels", "api", "color", "folders", "geometry", "history", "labels", "names", "photo", "photo_labels", "queue", "resend", "round_labels",
  "settings", "storage", "workspace", "zip",
];
const DOCUMENT = /\b(document|window|HTML\w*Element|innerWidth)\b/;
// A decision by a text that people read: compared or searched.
const TEXT = String.raw`(message|advice|textContent|innerText|ariaLabel|"aria-label"\))`;
const SEARCH = String.raw`([!=]==|\.(startsWith|endsWith|includes|match|search)\b)`;
const BY_TEXT = new RegExp(String.raw`${TEXT}\s*${SEARCH}|\.(test|exec)\([^)]*${TEXT}`);

const sources = new Map(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith(".js"))
    .map((name) => [name.slice(0, -3), readFileSync(new URL(name, FOLDER), "utf8")]),
);

/** @param {string} source */
const code = (source) => source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");

/** @param {string} source */
const importsOf = (source) =>
  [...code(source).matchAll(/\bfrom "\.\/(\w+)\.js"/g)].map(([, name]) => name);

/** The first circle that is found among modules; null where there is none. */
function circle(graph) {
  const done = new Set();
  const visit = (name, path) => {
    if (path.includes(name)) return [...path, name];
    if (done.has(name)) return null;
    for (const next of graph.get(name) ?? []) {
      const found = visit(next, [...path, name]);
      if (found) return found;
    }
    done.add(name);
    return null;
  };
  for (const name of graph.keys()) {
    const found = visit(name, []);
    if (found) return found;
  }
  return null;
}

test("every module is type-checked", () => {
  assert.ok(sources.size > 20);
  for (const [name, source] of sources) {
    assert.ok(source.startsWith("// @ts-check\n"), name);
    assert.doesNotMatch(source, /@ts-(ignore|nocheck|expect-error)/, name);
  }
});

test("modules import each other in one direction only", () => {
  const graph = new Map([...sources].map(([name, source]) => [name, importsOf(source)]));
  assert.equal(circle(graph), null);
  assert.ok(graph.get("open").length > 10);
});

test("a circle would be found", () => {
  const graph = new Map([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]]);
  assert.deepEqual(circle(graph), ["a", "b", "c", "b"]);
});

test("what is pure knows no document and imports only what is pure", () => {
  for (const name of PURE) {
    const source = sources.get(name);
    assert.doesNotMatch(code(source), DOCUMENT, name);
    const impure = importsOf(source).filter((imported) => !PURE.includes(imported));
    assert.deepEqual(impure, [], name);
  }
  assert.match(code(sources.get("stage")), DOCUMENT);
});

test("nothing is decided by a text that people read", () => {
  for (const [name, source] of sources) assert.doesNotMatch(code(source), BY_TEXT, name);
  for (const wrong of [
    'error.message === "gone"',
    "error.message.includes('held')",
    "/held/.test(error.message)",
    'button.getAttribute("aria-label").startsWith(color)',
    'label.textContent !== ""',
  ]) {
    assert.match(wrong, BY_TEXT);
  }
});
