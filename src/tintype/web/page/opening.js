// @ts-check
// Everything that is about an open photograph is loaded after the first screen: see open.js.

/** Resolves when a photograph can be added; rejects where the server does not respond. */
export const opened = () => import("./open.js");
