// @ts-check
// Fields in which a colour is given by its name; the names are those of the server.

import * as api from "./api.js";
import { element, input } from "./dom.js";
import { colorOf } from "./names.js";
import { announce } from "./notices.js";

const UNKNOWN = "There is no colour of this name.";

/** @type {Record<string, string> | null} null until they are needed */
let names = null;

async function fetchNames() {
  if (names) return;
  try {
    names = await api.colors();
  } catch (error) {
    announce(api.asApiError(error).message);
    return;
  }
  const options = Object.keys(names).map((name) => {
    const option = document.createElement("option");
    option.value = name;
    return option;
  });
  element("color-names", HTMLDataListElement).replaceChildren(...options);
}

/**
 * @param {string} id of the field
 * @param {(color: string) => void} choose called with a colour as #rrggbb
 */
export function wire(id, choose) {
  const field = input(id);
  field.onfocus = fetchNames;
  field.oninput = () => field.setCustomValidity("");
  field.onchange = async () => {
    await fetchNames();
    if (!names || !field.value.trim()) return;
    const color = colorOf(names, field.value);
    if (color) choose(color);
    else {
      field.setCustomValidity(UNKNOWN);
      field.reportValidity();
    }
  };
}

/** @param {string} id of a field that is about something else now */
export function clear(id) {
  const field = input(id);
  field.value = "";
  field.setCustomValidity("");
}
