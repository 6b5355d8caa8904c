// @ts-check
// The HTTP API as functions. See openapi.json for what each path takes and returns.

/** @typedef {import("./settings.js").ColorRequest} ColorRequest */

/**
 * @typedef {object} ServerStatus
 * @property {string | null} computer that the server runs on; null where it is this one
 * @property {number} pairs that /which-is-real has; 0 where it has none
 * @property {number} vividness what the model recommends
 * @property {number} reach of hints and strokes where none is set
 * @property {string[]} formats what can be written
 * @property {string[]} reads names of the formats that can be read
 * @property {string[]} accept their MIME types and file name endings
 * @property {string[]} capabilities of the model: "logits", "features", "hints"
 * @property {number} tile longest side of a tile, in pixels
 *
 * @typedef {object} PhotoData
 * @property {string} id
 * @property {number} width in pixels, upright
 * @property {number} height
 * @property {"grey" | "toned" | "color"} tone of the file
 * @property {number} pages
 * @property {string} format of the file
 * @property {string} writes the format that it is saved in where none is chosen
 * @property {string[]} notes on what was lost while it was read
 *
 * @typedef {object} Suggestions
 * @property {{color: string, share: number}[]} suggestions the most likely first
 * @property {string} now the colour of the place as it is
 *
 * @typedef {"jpeg" | "gif" | "webp"} ComparisonFormat side by side; the others sweep
 *
 * @typedef {"suggested" | "quieter" | "bolder" | "warmer" | "greener" | "cooler" | "rosier"} Look
 *
 * @typedef {object} CallOptions
 * @property {BodyInit} [body]
 * @property {object} [json] sent as the body in place of `body`
 * @property {(seconds: number) => void} [onWait] called before each pause of a busy server
 * @property {number} [attempts] how often a busy server is asked again
 */

/** An error of the API, or of the way to it (then the status is 0). */
export class ApiError extends Error {
  /**
   * @param {number} status of HTTP; 0 where there was no answer
   * @param {{code?: string, message: string, advice?: string}} error
   */
  constructor(status, { code = "", message, advice = "" }) {
    super(message);
    this.status = status;
    /** What happened, for programs; docs/reference/http.md lists the codes. */
    this.code = code;
    /** What the user can do about it; may be empty. */
    this.advice = advice;
  }
}

/** The error where the server cannot be reached. */
export function noAnswer() {
  const advice = "Start it again with: tintype serve. Then carry on here.";
  return new ApiError(0, { message: "Tintype is not responding.", advice });
}

/**
 * Anything that was thrown, as an ApiError.
 *
 * @param {unknown} error
 */
export function asApiError(error) {
  if (error instanceof ApiError) return error;
  return new ApiError(0, { message: error instanceof Error ? error.message : String(error) });
}

/** @param {number} seconds */
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/**
 * One request. A server that is busy (503) is asked again after the time it names.
 *
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<Response>} an answer with a status of success
 */
export async function call(method, path, { body, json, onWait, attempts = 6 } = {}) {
  for (let attempt = 0; ; attempt++) {
    const answer = await send(method, path, json === undefined ? { body } : jsonBody(json));
    if (answer.ok) return answer;
    if (answer.status !== 503 || attempt >= attempts) throw await errorOf(answer);
    const wait = Number(answer.headers.get("Retry-After")) || 0;
    onWait?.(wait);
    await pause(Math.max(1, wait));
  }
}

/** @param {object} value */
const jsonBody = (value) => ({
  body: JSON.stringify(value),
  headers: { "Content-Type": "application/json" },
});

/**
 * @param {string} method
 * @param {string} path
 * @param {RequestInit} init
 */
async function send(method, path, init) {
  try {
    return await fetch(path, { method, ...init });
  } catch {
    throw noAnswer();
  }
}

/** @param {Response} answer */
async function errorOf(answer) {
  const unknown = { message: `Error ${answer.status}.` };
  try {
    return new ApiError(answer.status, { ...unknown, ...(await answer.json()).error });
  } catch {
    // Not every proxy on the way answers in JSON; the status alone has to do.
    return new ApiError(answer.status, unknown);
  }
}

/**
 * @param {string} id
 * @param {string} what
 * @param {Record<string, string | number>} [query]
 */
export function photoPath(id, what, query = {}) {
  const pairs = Object.entries(query).map(([key, value]) => [key, String(value)]);
  const text = new URLSearchParams(pairs).toString();
  return `v1/photos/${id}/${what}${text ? `?${text}` : ""}`;
}

/** @returns {Promise<Record<string, string>>} names of colours, and each as #rrggbb */
export const colors = async () => (await call("GET", "v1/colors")).json();

/** @returns {Promise<ServerStatus>} */
export const status = async () => (await call("GET", "v1/status")).json();

/**
 * Refuses a file that cannot be sent: fetch would fail as if the server did not respond.
 *
 * @param {File} file
 */
async function checkReadable(file) {
  const { name } = file;
  let code = "empty_file";
  try {
    if ((await file.slice(0, 1).arrayBuffer()).byteLength) return;
  } catch {
    code = "unreadable_file";
  }
  throw new ApiError(0, code === "empty_file"
    ? { code, message: `${name} is empty.`, advice: "Copy it again from where it came." }
    : {
      code,
      message: `${name} cannot be read: it is a folder, or was moved or deleted.`,
      advice: "Choose the photographs themselves. From a folder, select all of them and drop them.",
    });
}

/**
 * @param {File} file
 * @param {CallOptions} [options]
 * @returns {Promise<PhotoData>}
 */
export async function addPhoto(file, options) {
  await checkReadable(file);
  const path = `v1/photos?${new URLSearchParams({ name: file.name })}`;
  return (await call("POST", path, { body: file, ...options })).json();
}

/** @param {string} id */
export const removePhoto = (id) => call("DELETE", `v1/photos/${id}`);

/**
 * @param {string} id
 * @param {number} side the longest side of the picture that is wanted, in pixels
 */
export const grey = async (id, side) => (await call("GET", photoPath(id, "grey", { side }))).blob();

/**
 * @param {string} id
 * @param {ColorRequest} json
 * @param {number} side the longest side of the picture that is wanted, in pixels
 * @param {boolean} [draft] whether it may be less exact, to be there sooner
 */
export const preview = async (id, json, side, draft = false) =>
  (await call("POST", photoPath(id, "preview", draft ? { side, draft: 1 } : { side }), { json })).blob();

/**
 * @param {string} id
 * @param {import("./geometry.js").Tile} tile
 */
export const greyTile = async (id, tile) =>
  (await call("GET", photoPath(id, "tile", { ...tile }))).blob();

/**
 * @param {string} id
 * @param {ColorRequest} json
 * @param {import("./geometry.js").Tile} tile
 */
export const tile = async (id, json, tile) =>
  (await call("POST", photoPath(id, "tile", { ...tile }), { json })).blob();

/**
 * @param {string} id
 * @param {ColorRequest} json
 * @param {number} side the longest side of the map that is wanted, in pixels
 */
export const certainty = async (id, json, side) =>
  (await call("POST", photoPath(id, "certainty", { side }), { json })).blob();

/**
 * @param {string} id
 * @param {ColorRequest} json
 * @param {ComparisonFormat} format
 * @param {import("./geometry.js").Rotation} rotate
 */
export const comparison = (id, json, format, rotate) =>
  call("POST", photoPath(id, "comparison", { format, ...(rotate ? { rotate } : {}) }), { json });

/**
 * @param {string} id
 * @param {ColorRequest} json
 * @returns {Promise<(Look | null)[]>} what each palette is called; null for one that is left out
 */
export const looks = async (id, json) =>
  (await (await call("POST", photoPath(id, "palettes"), { json })).json()).looks;

/**
 * @param {string} id
 * @param {ColorRequest} json
 * @param {number} x
 * @param {number} y
 * @returns {Promise<Suggestions>}
 */
export const suggestions = async (id, json, x, y) =>
  (await call("POST", photoPath(id, "suggestions", { x, y, count: 6 }), { json })).json();

/**
 * @param {string} kind
 * @param {File} file
 * @returns {Promise<string>} the id that requests name the layer by
 */
export async function addLayer(kind, file) {
  await checkReadable(file);
  const path = `v1/layers?${new URLSearchParams({ kind, name: file.name })}`;
  return (await (await call("POST", path, { body: file })).json()).id;
}

/**
 * @param {string} id
 * @param {ColorRequest} json
 * @param {Record<string, string | number>} query format and metadata
 */
export const finishedFile = (id, json, query) =>
  call("POST", photoPath(id, "file", query), { json });
