// @ts-check
// The wheel of hues and strengths.

import { hexToHueStrength, hueStrengthToHex, turnedByKey, wheelAt, wheelPixels } from "./color.js";
import { context2d, element } from "./dom.js";
import { wheelText } from "./photo_labels.js";

const canvas = element("wheel", HTMLCanvasElement);
/** @type {ImageData | null} */
let disc = null;

/** @param {string} color as #rrggbb, where the handle stands */
export function draw(color) {
  const pen = context2d(canvas);
  const r = canvas.width / 2;
  if (!disc) {
    disc = pen.createImageData(canvas.width, canvas.width);
    disc.data.set(wheelPixels(canvas.width));
  }
  pen.putImageData(disc, 0, 0);
  const { h, s } = hexToHueStrength(color);
  const angle = (h * Math.PI) / 180;
  pen.beginPath();
  pen.arc(r + Math.cos(angle) * s * r * 0.96, r + Math.sin(angle) * s * r * 0.96, 13, 0, 7);
  pen.fillStyle = color;
  pen.fill();
  pen.lineWidth = 4;
  pen.strokeStyle = "#fff";
  pen.stroke();
  pen.lineWidth = 1.5;
  pen.strokeStyle = "#000";
  pen.stroke();
  canvas.setAttribute("aria-valuenow", String(Math.round(h)));
  canvas.setAttribute("aria-valuetext", wheelText({ h, s }));
}

/**
 * @param {() => string} current the colour that keys start from
 * @param {(color: string) => void} pick
 */
export function wire(current, pick) {
  /** @param {PointerEvent} event */
  const pickAt = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const radius = width / 2;
    const { h, s } = wheelAt(
      (event.clientX - left - width / 2) / radius,
      (event.clientY - top - height / 2) / radius,
    );
    pick(hueStrengthToHex({ h, s: Math.min(1, s) }));
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    pickAt(event);
  };
  canvas.onpointermove = (event) => {
    if (event.buttons) pickAt(event);
  };
  canvas.onkeydown = (event) => {
    const turned = turnedByKey(hexToHueStrength(current()), event.key);
    if (!turned) return;
    event.preventDefault();
    pick(hueStrengthToHex(turned));
  };
}
