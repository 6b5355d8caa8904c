// Two pictures, one question, and an honest count.

import { call } from "./api.js";

const $ = (id) => document.getElementById(id);
const sides = ["left", "right"];
let facts = null;
let number = 0;
let began = 0;
let open = false;

function showRate() {
  const { answered, pairs, fooled, rate, low, high } = facts;
  const percent = (share) => `${Math.round(share * 100)} %`;
  $("rate").textContent = answered
    ? `Fooled ${fooled} of ${answered} times: ${percent(rate)} (95 % between ${percent(low)} and ${percent(high)}; 50 % would be perfect). ${pairs - answered} pairs left.`
    : `${pairs} pairs.`;
}

async function show() {
  open = false;
  $("next").disabled = true;
  for (const side of sides) {
    $(side).className = "";
    $(side).disabled = true;
  }
  if (number >= facts.pairs) {
    $("said").textContent = "That was the last pair. Thank you.";
    return;
  }
  $("said").textContent = "Which one has its own colours?";
  try {
    for (const side of sides) {
      const blob = await (await call("GET", `v1/pairs/${number}/${side}`)).blob();
      const picture = $(side).querySelector("img");
      if (picture.src) URL.revokeObjectURL(picture.src);
      picture.src = URL.createObjectURL(blob);
      await picture.decode();
    }
  } catch (error) {
    $("said").textContent = `${error.message} ${error.advice}`;
    $("next").disabled = false;
    return;
  }
  for (const side of sides) $(side).disabled = false;
  began = performance.now();
  open = true;
}

async function take(side) {
  if (!open) return;
  open = false;
  for (const one of sides) $(one).disabled = true;
  const seconds = (performance.now() - began) / 1000;
  facts = await (await call("POST", `v1/pairs/${number}`, { json: { real: side, seconds } })).json();
  $(facts.real).classList.add("real");
  if (facts.real !== side) $(side).classList.add("ours");
  $("said").textContent = facts.real === side ? "Right: that one is real." : "Fooled: the other one is real.";
  showRate();
  $("next").disabled = false;
  $("next").focus();
}

function next() {
  if ($("next").disabled) return;
  number += 1;
  show();
}

for (const side of sides) $(side).onclick = () => take(side);
$("next").onclick = next;
addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") take("left");
  if (event.key === "ArrowRight") take("right");
  if (event.key === " " && event.target !== $("next")) {
    event.preventDefault();
    next();
  }
});

try {
  facts = await (await call("GET", "v1/pairs")).json();
  number = facts.answered;
  showRate();
  await show();
} catch (error) {
  $("said").textContent = error.message;
}
