// @ts-check
// What is set for one photograph, and the request that it becomes.

/**
 * @typedef {object} Hint
 * @property {number} x in pixels of the photograph
 * @property {number} y
 * @property {string} color as #rrggbb
 * @property {number} radius in pixels of the photograph
 *
 * @typedef {object} Stroke
 * @property {[number, number][]} points in pixels of the photograph
 * @property {number} radius half of the width, in the same pixels
 * @property {string} [color] as #rrggbb; strokes that keep grey have none
 *
 * @typedef {object} ReferencePicture
 * @property {string} id of the layer on the server
 * @property {string} name of the file
 *
 * @typedef {object} Settings
 * @property {number | null} vividness null for what the model recommends
 * @property {number} warmth -1 to 1
 * @property {number} palette 0 for the default colours, else 2 to PALETTES
 * @property {number | null} reach of hints and strokes, 0 to 1; null for the default
 * @property {Hint[]} hints
 * @property {Stroke[]} strokes
 * @property {Stroke[]} grey_strokes
 * @property {ReferencePicture | null} reference
 * @property {import("./geometry.js").Rotation} rotation of what is shown and saved; places are
 *   those of the photograph as it came
 *
 * @typedef {object} ColorRequest the settings as the API takes them
 * @property {number | null} vividness
 * @property {number} warmth
 * @property {Hint[]} hints
 * @property {Stroke[]} strokes
 * @property {Stroke[]} grey_strokes
 * @property {number} [reach]
 * @property {number} [palettes]
 * @property {number} [palette]
 * @property {string} [reference]
 */

/** How many versions of the colours are offered. */
export const PALETTES = 5;

/** The strongest vividness that can be set. */
const MOST_VIVID = 2;

/**
 * Where the slider of the vividness stands for a value. Its middle is what the model recommends.
 *
 * @param {number | null} vividness null for what is recommended
 * @param {number} recommended
 * @returns {number} -1, no colours, to 1, the strongest
 */
export function sliderOfVividness(vividness, recommended) {
  const more = (vividness ?? recommended) - recommended;
  const room = more < 0 ? recommended : MOST_VIVID - recommended;
  return room ? more / room : 0;
}

/**
 * The inverse of `sliderOfVividness`.
 *
 * @param {number} place
 * @param {number} recommended
 * @returns {number | null} null in the middle
 */
export function vividnessOfSlider(place, recommended) {
  const room = place < 0 ? recommended : MOST_VIVID - recommended;
  return place ? Math.round(1000 * (recommended + place * room)) / 1000 : null;
}

/** @returns {Settings} */
export const defaultSettings = () => ({
  vividness: null,
  warmth: 0,
  palette: 0,
  reach: null,
  hints: [],
  strokes: [],
  grey_strokes: [],
  reference: null,
  rotation: 0,
});

/**
 * @param {Settings} settings
 * @param {number} [palette] in place of the one that is set
 * @returns {ColorRequest}
 */
export function colorRequest(settings, palette = settings.palette) {
  const { vividness, warmth, reach, hints, strokes, grey_strokes, reference } = settings;
  return {
    vividness,
    warmth,
    hints,
    strokes,
    grey_strokes,
    ...(reach === null ? {} : { reach }),
    ...(palette ? { palettes: PALETTES, palette } : {}),
    ...(reference ? { reference: reference.id } : {}),
  };
}

/**
 * The request without one of its hints: what the model would answer had it not been given.
 *
 * @param {ColorRequest} request
 * @param {number} index
 * @returns {ColorRequest}
 */
export const withoutHint = (request, index) => ({
  ...request,
  hints: request.hints.filter((_, i) => i !== index),
});
