// The HTTP API as functions: bytes in, bytes out; an error is a sentence and what to do next.

export class Trouble extends Error {
  constructor(status, message, advice, wait) {
    super(message);
    this.status = status;
    this.advice = advice || "";
    this.wait = wait;
  }
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

export async function call(method, path, { body, json, signal, onWait, patience = 6 } = {}) {
  for (let attempt = 0; ; attempt++) {
    let answer;
    try {
      answer = await fetch(path, {
        method,
        signal,
        body: json === undefined ? body : JSON.stringify(json),
        headers: json === undefined ? {} : { "Content-Type": "application/json" },
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Trouble(0, "Tintype does not answer.", "Is it still running in its terminal?");
    }
    if (answer.ok) return answer;
    const wait = Number(answer.headers.get("Retry-After")) || 0;
    if (answer.status === 503 && attempt < patience) {
      onWait?.(wait);
      await pause(Math.max(1, wait));
      continue;
    }
    let said = {};
    try {
      said = (await answer.json()).error;
    } catch {
      // Not every proxy on the way speaks JSON; the status alone has to do.
    }
    throw new Trouble(answer.status, said.message || `Error ${answer.status}.`, said.advice, wait);
  }
}

const at = (id, what, query = {}) => {
  const words = new URLSearchParams(query).toString();
  return `v1/photos/${id}/${what}${words ? `?${words}` : ""}`;
};

export const status = async () => (await call("GET", "v1/status")).json();
export const addPhoto = async (file, options) =>
  (await call("POST", "v1/photos", { body: file, ...options })).json();
export const removePhoto = (id) => call("DELETE", `v1/photos/${id}`);
export const grey = async (id, side) => (await call("GET", at(id, "grey", { side }))).blob();
export const preview = async (id, json, side, signal) =>
  (await call("POST", at(id, "preview", { side }), { json, signal })).blob();
export const certainty = async (id, json, side) =>
  (await call("POST", at(id, "certainty", { side }), { json })).blob();
export const palettes = async (id, json) =>
  (await (await call("POST", at(id, "palettes"), { json })).json()).shares;
export const suggestions = async (id, json, x, y) =>
  (await call("POST", at(id, "suggestions", { x, y, count: 6 }), { json })).json();
export const layer = async (kind, file) =>
  (await (await call("POST", `v1/layers?kind=${kind}`, { body: file })).json()).id;
export const finished = (id, json, query) => call("POST", at(id, "file", query), { json });
