// @ts-check
// Opening the page on another device: a code lets this browser in.

import { asApiError, call } from "./api.js";
import { button, element, input } from "./dom.js";

const form = element("door", HTMLFormElement);
const code = input("code");
const enter = button("enter");
const message = element("door-message", HTMLElement);

/** @param {SubmitEvent} event */
async function open(event) {
  event.preventDefault();
  enter.disabled = true;
  message.textContent = "";
  try {
    await call("POST", "v1/entry", { json: { code: code.value } });
    location.replace(location.pathname);
  } catch (error) {
    const problem = asApiError(error);
    message.textContent = `${problem.message} ${problem.advice}`;
    enter.disabled = false;
    code.select();
  }
}

/** From the QR code. It is not used before somebody asks for it: a preview of the link is nobody. */
function takeCode() {
  code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (code.value) enter.focus();
  else code.focus();
}

form.onsubmit = open;
addEventListener("hashchange", () => location.hash && takeCode());
takeCode();
