// @ts-check
// Photographs in the public domain to try the page with.

import { asApiError, call } from "./api.js";
import { element } from "./dom.js";
import * as intake from "./intake.js";
import { complain } from "./notices.js";

/** Their rights are in examples/CREDITS.md. */
const SAMPLES = [
  {
    file: "astronaut.jpg",
    what: "An astronaut",
    credit: "Eileen Collins, by NASA, in the public domain",
  },
  {
    file: "coffee.jpg",
    what: "A cup of coffee",
    credit: "by Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0",
  },
  {
    file: "valley.jpg",
    what: "A wooded valley",
    credit: "donated to unsplash.com, in the public domain",
  },
];

/** @param {string} file */
async function take(file) {
  try {
    const blob = await (await call("GET", `samples/${file}`)).blob();
    intake.add([new File([blob], file, { type: blob.type })]);
  } catch (error) {
    complain(`${file} is not loaded.`, asApiError(error), () => take(file));
  }
}

/** @param {typeof SAMPLES[number]} sample */
function buttonFor({ file, what, credit }) {
  const button = document.createElement("button");
  button.title = `${what} (${credit})`;
  const picture = document.createElement("img");
  picture.src = `samples/${file.replace(".", "-small.")}`;
  picture.alt = `${what}, ${credit}`;
  picture.draggable = false;
  button.append(picture);
  button.onclick = () => take(file);
  return button;
}

export function show() {
  const list = element("samples-list", HTMLElement);
  list.replaceChildren(...SAMPLES.map(buttonFor));
  const credits = SAMPLES.map(({ what, credit }) => `${what}: ${credit}.`).join(" ");
  element("samples-credits", HTMLElement).textContent = credits;
  element("samples", HTMLElement).hidden = false;
}
