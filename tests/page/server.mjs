// A server for the tests: it answers what a test says, and keeps what it was asked.

/**
 * Puts the server in the place of `fetch` for one test, and makes pauses pass at once.
 *
 * @param {import("node:test").TestContext} context
 * @param {(request: {method: string, path: string, body: unknown}) => Response} answer
 */
export function serve(context, answer) {
  const { fetch, setTimeout } = globalThis;
  const asked = [];
  const pauses = [];
  globalThis.fetch = async (path, { method, body, headers }) => {
    const isJson = headers?.["Content-Type"] === "application/json";
    const request = { method, path, body: isJson ? JSON.parse(body) : body };
    asked.push(request);
    return answer(request);
  };
  globalThis.setTimeout = (done, milliseconds) => {
    pauses.push(milliseconds);
    return setTimeout(done, 0);
  };
  context.after(() => Object.assign(globalThis, { fetch, setTimeout }));
  return { asked, pauses };
}

/** @param {object} value */
export const json = (value, status = 200, headers = {}) =>
  new Response(JSON.stringify(value), { status, headers });

/** @param {string} code */
export const refusal = (status, code, headers = {}) =>
  json({ error: { code, message: "Reworded.", advice: "Do this." } }, status, headers);

/** A file with a name and a text for its contents. */
export const fileOf = (name, text = "picture") => Object.assign(new Blob([text]), { name });
