// The page: what a person does becomes settings, the server decodes them, the picture is shown.
// Nothing about colours is computed here.

import * as api from "./api.js";

const $ = (id) => document.getElementById(id);
const photos = []; // of Photo, in the order they came
let current = null;
let info = { vividness: 1, formats: [], capabilities: [] };

const PALETTES = 5;
const QUICK = 640; // longest side of a preview while something moves
const TIPS = {
  look: "Drag across the photograph to compare.",
  hint: "Click a place and choose its colour. It spreads to what belongs to it.",
  brush: "Paint over something with the colour it should have.",
  grey: "Paint over what is to stay black and white.",
};

// ----- a photograph and what was done to it -----

const fresh = () => ({
  vividness: null,
  warmth: 0,
  palette: 0,
  hints: [],
  strokes: [],
  grey_strokes: [],
  reference: null,
});

class Photo {
  constructor(file) {
    this.file = file;
    this.name = file.name;
    this.state = "waiting";
    this.settings = fresh();
    this.past = [];
    this.future = [];
    this.urls = {};
    this.zoom = 1;
  }

  // A step that can be undone. Steps of one kind that follow at once are one: a slider on its way.
  step(kind, change) {
    const now = Date.now();
    if (!(kind && kind === this.lastKind && now - this.lastTime < 900)) {
      this.past.push(JSON.stringify(this.settings));
      if (this.past.length > 200) this.past.shift();
    }
    this.lastKind = kind;
    this.lastTime = now;
    this.future = [];
    change(this.settings);
  }

  undo() {
    if (!this.past.length) return false;
    this.future.push(JSON.stringify(this.settings));
    this.settings = JSON.parse(this.past.pop());
    this.lastKind = null;
    return true;
  }

  redo() {
    if (!this.future.length) return false;
    this.past.push(JSON.stringify(this.settings));
    this.settings = JSON.parse(this.future.pop());
    this.lastKind = null;
    return true;
  }

  wish(palette = this.settings.palette) {
    const { vividness, warmth, hints, strokes, grey_strokes, reference } = this.settings;
    const wish = { vividness, warmth, hints, strokes, grey_strokes };
    if (palette) Object.assign(wish, { palettes: PALETTES, palette });
    if (reference) wish.reference = reference.id;
    return wish;
  }

  show(kind, blob) {
    if (this.urls[kind]) URL.revokeObjectURL(this.urls[kind]);
    this.urls[kind] = URL.createObjectURL(blob);
    return this.urls[kind];
  }

  forget() {
    for (const url of Object.values(this.urls)) URL.revokeObjectURL(url);
    if (this.id) api.removePhoto(this.id).catch(() => {});
  }
}

// ----- taking photographs in -----

const references = new Map(); // files by the name of their layer
const queue = [];
let running = 0;

function take(files) {
  const list = [...files];
  if (!list.length) return;
  for (const file of list) {
    const photo = new Photo(file);
    photos.push(photo);
    queue.push(photo);
    frame(photo);
  }
  $("desk").dataset.state = "ready";
  $("stage").hidden = $("panel").hidden = $("strip-box").hidden = false;
  if (!current) choose(photos[photos.length - list.length]);
  say(list.length === 1 ? `${list[0].name} is being coloured.` : `${list.length} photographs are being coloured.`);
  work();
}

function work() {
  while (running < 2 && queue.length) {
    const photo = queue.shift();
    running += 1;
    colour(photo).finally(() => {
      running -= 1;
      work();
    });
  }
}

async function colour(photo) {
  if (!photos.includes(photo)) return;
  mark(photo, "working");
  try {
    const facts = await api.addPhoto(photo.file, {
      onWait: () => mark(photo, "in line"),
      patience: 40,
    });
    Object.assign(photo, facts);
    const blob = await api.preview(photo.id, photo.wish(), Math.min(QUICK, longest(photo)));
    photo.show("after", blob);
    mark(photo, "ready");
    if (photo === current) {
      layOut();
      $("after").src = photo.urls.after;
    }
    photo.show("before", await api.grey(photo.id, fullSide(photo)));
    if (photo === current) await choose(photo);
  } catch (error) {
    photo.error = error;
    mark(photo, "failed");
    say(`${photo.name}: ${error.message}`);
    if (photo === current) choose(photo);
  }
}

// A server holds only so much; what it let go is sent again, unnoticed.
async function held(photo, ask) {
  try {
    return await ask();
  } catch (error) {
    if (error.status !== 404 || !/held/.test(error.message)) throw error;
    const reference = photo.settings.reference;
    if (reference) {
      const file = references.get(reference.id);
      reference.id = await api.layer("reference", file);
      references.set(reference.id, file);
    }
    Object.assign(photo, await api.addPhoto(photo.file));
    return ask();
  }
}

// ----- the strip -----

function frame(photo) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.className = "frame";
  button.title = photo.name;
  const picture = document.createElement("img");
  picture.alt = photo.name;
  picture.hidden = true;
  button.append(picture);
  const state = document.createElement("span");
  state.className = "state";
  const away = document.createElement("button");
  away.className = "away";
  away.textContent = "✕";
  away.setAttribute("aria-label", `Put ${photo.name} away`);
  item.append(button, state, away);
  button.onclick = () => {
    choose(photo);
    $("stage").scrollIntoView({ block: "nearest" });
  };
  away.onclick = () => putAway(photo);
  photo.frame = { item, button, picture, state };
  $("film").append(item);
  mark(photo, "waiting");
}

function mark(photo, state) {
  photo.state = state;
  const { button, picture, state: label } = photo.frame;
  label.textContent = { ready: "", failed: "not coloured", working: "colouring…" }[state] ?? state;
  label.hidden = state === "ready";
  button.classList.toggle("bad", state === "failed");
  if (photo.urls.after) picture.src = photo.urls.after;
  picture.hidden = !photo.urls.after;
  if (photo === current) showState();
}

function putAway(photo) {
  const index = photos.indexOf(photo);
  photos.splice(index, 1);
  photo.frame.item.remove();
  photo.forget();
  if (photo !== current) return;
  current = null;
  if (photos.length) choose(photos[Math.min(index, photos.length - 1)]);
  else {
    $("desk").dataset.state = "empty";
    $("stage").hidden = $("panel").hidden = $("strip-box").hidden = true;
    showSteps();
  }
}

// ----- the stage -----

async function choose(photo) {
  closePicker();
  if (photo !== current) clearPalettes();
  current = photo;
  for (const one of photos) {
    one.frame.button.setAttribute("aria-current", String(one === photo));
  }
  for (const side of ["after", "before"]) {
    if (photo.urls[side]) $(side).src = photo.urls[side];
    else $(side).removeAttribute("src");
  }
  $("after").alt = `${photo.name}, coloured`;
  $("before").alt = `${photo.name}, as it was`;
  layOut();
  showState();
  controls();
  drawMarks();
  if (photo.state === "ready") {
    await paint();
    palettesLater();
    guess();
  }
}

function showState() {
  const { state, error } = current;
  $("waiting").hidden = state === "ready" || state === "failed";
  $("waiting-text").textContent =
    state === "in line" ? "Waiting for a free place…" : `Colouring ${current.name}…`;
  $("trouble").hidden = state !== "failed";
  if (state === "failed") {
    $("trouble").querySelector("strong").textContent = error.message;
    $("trouble").querySelector("span").textContent = error.advice || "";
  }
  $("sheet").hidden = state === "failed" || !current.width;
  $("panel").classList.toggle("idle", state === "failed");
  for (const control of $("panel").querySelectorAll("input, button, select")) {
    control.disabled = state !== "ready";
  }
  showSteps();
}

const longest = (photo) => Math.max(photo.width, photo.height);

function fullSide(photo) {
  const shown = photo === current ? Math.max($("sheet").offsetWidth, $("sheet").offsetHeight) : 1200;
  const wanted = Math.max(QUICK, shown * Math.min(devicePixelRatio, 2));
  return Math.round(Math.min(longest(photo), wanted, 2048));
}

function layOut() {
  if (!current?.width) return;
  const box = $("scroller");
  const style = getComputedStyle(box);
  const pad = parseFloat(style.paddingLeft) * 2;
  const fit = Math.min(
    (box.clientWidth - pad) / current.width,
    (box.clientHeight - pad) / current.height,
  );
  const scale = Math.max(fit, 0.001) * current.zoom;
  $("sheet").style.width = `${Math.max(40, current.width * scale)}px`;
  $("sheet").style.height = `${Math.max(40, current.height * scale)}px`;
  divide();
  drawMarks();
}

function divide() {
  const tool = document.body.dataset.tool;
  const share = tool === "look" ? Number($("compare").value) : 0;
  $("before").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  $("divider").style.left = `${share}%`;
  $("compare").setAttribute("aria-valuetext", `${Math.round(share)} percent grey`);
}

function zoom(how) {
  if (!current) return;
  const box = $("scroller");
  const before = [box.scrollLeft + box.clientWidth / 2, box.scrollTop + box.clientHeight / 2];
  const old = current.zoom;
  const next = { in: old * 1.5, out: old / 1.5, fit: 1 }[how];
  current.zoom = Math.min(12, Math.max(1, next));
  layOut();
  const ratio = current.zoom / old;
  box.scrollLeft = before[0] * ratio - box.clientWidth / 2;
  box.scrollTop = before[1] * ratio - box.clientHeight / 2;
  soon();
}

// ----- painting: one request at a time, the newest wish wins -----

let busy = false;
let again = false;
let settle = 0;

async function paint({ quick = false } = {}) {
  const photo = current;
  if (!photo || photo.state !== "ready") return;
  if (busy) {
    again = again === "full" || !quick ? "full" : "quick";
    return;
  }
  busy = true;
  $("after").setAttribute("aria-busy", "true");
  try {
    const side = quick ? Math.min(QUICK, longest(photo)) : fullSide(photo);
    const blob = await held(photo, () => api.preview(photo.id, photo.wish(), side));
    const url = photo.show("after", blob);
    photo.frame.picture.src = url;
    if (photo === current) {
      $("after").src = url;
      await $("after").decode().catch(() => {});
      $("after").dataset.drawn = String(Number($("after").dataset.drawn || 0) + 1);
    }
  } catch (error) {
    say(error.message);
    toast(error);
  } finally {
    busy = false;
    if (again) {
      const full = again === "full";
      again = false;
      paint({ quick: !full });
    } else {
      $("after").removeAttribute("aria-busy");
    }
  }
}

// Quickly now, and sharply when nothing moves any more.
function soon() {
  paint({ quick: true });
  clearTimeout(settle);
  settle = setTimeout(() => {
    paint();
    palettesLater();
    guess();
  }, 280);
}

function changed(kind, change) {
  if (!current) return;
  current.step(kind, change);
  controls();
  drawMarks();
  soon();
}

let toastTimer = 0;
function toast(error) {
  $("waiting").hidden = false;
  $("waiting-text").textContent = [error.message, error.advice].filter(Boolean).join(" ");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => current && showState(), 5000);
}

// ----- controls -----

function controls() {
  const s = current ? current.settings : fresh();
  const vividness = s.vividness ?? info.vividness;
  $("vividness").value = vividness;
  $("vividness-out").value = Number(vividness).toFixed(2);
  $("warmth").value = s.warmth;
  $("warmth-out").value = (s.warmth > 0 ? "+" : "") + Number(s.warmth).toFixed(2);
  $("brush-size-out").value = $("brush-size").value;
  for (const radio of $("palettes").querySelectorAll("input")) {
    radio.checked = Number(radio.value) === (s.palette || 1);
  }
  $("reference-clear").hidden = !s.reference;
  const box = $("reference");
  if (s.reference) {
    const picture = document.createElement("img");
    picture.src = s.reference.url;
    picture.alt = "";
    box.replaceChildren(picture, s.reference.name);
  } else box.replaceChildren("Drop one here, or choose it");
  showSteps();
}

function showSteps() {
  $("undo").disabled = !current?.past.length;
  $("redo").disabled = !current?.future.length;
}

function tool(name) {
  document.body.dataset.tool = name;
  document.querySelector(`input[name="tool"][value="${name}"]`).checked = true;
  $("tip").textContent = TIPS[name];
  $("brush-box").hidden = !(name === "brush" || name === "grey");
  $("brush-color-row").hidden = name !== "brush";
  $("cursor").hidden = true;
  closePicker();
  divide();
  if (name !== "look") $("sheet").tabIndex = 0;
  else $("sheet").tabIndex = -1;
}

// ----- palettes -----

let palettesFor = "";
let palettesTimer = 0;

function palettesLater() {
  clearTimeout(palettesTimer);
  palettesTimer = setTimeout(showPalettes, 250);
}

function clearPalettes() {
  palettesFor = "";
  for (const label of $("palettes").children) {
    label.querySelector("img").removeAttribute("src");
    label.querySelector("span").textContent = "…";
  }
}

async function showPalettes() {
  const photo = current;
  if (!photo || photo.state !== "ready" || !info.capabilities.includes("logits")) return;
  const key = photo.id + JSON.stringify(photo.wish(0));
  if (key === palettesFor) return;
  palettesFor = key;
  try {
    const shares = await held(photo, () => api.palettes(photo.id, { ...photo.wish(0), palettes: PALETTES }));
    for (let k = 1; k <= PALETTES; k++) {
      const blob = await api.preview(photo.id, photo.wish(k), 132);
      if (photo !== current || key !== palettesFor) return;
      const label = $("palettes").children[k - 1];
      const picture = label.querySelector("img");
      if (picture.src) URL.revokeObjectURL(picture.src);
      picture.src = URL.createObjectURL(blob);
      const share = `${Math.round(shares[k - 1] * 100)} %`;
      label.querySelector("span").textContent = share;
      label.querySelector("input").setAttribute("aria-label", k === 1 ? `The usual colours, ${share}` : `Palette ${k}, ${share}`);
    }
  } catch (error) {
    if (error.status !== 404) say(error.message);
  }
}

function makePalettes() {
  for (let k = 1; k <= PALETTES; k++) {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "palette", value: k, checked: k === 1 });
    const picture = document.createElement("img");
    picture.alt = "";
    const share = document.createElement("span");
    share.textContent = "…";
    label.append(radio, picture, share);
    radio.onchange = () => changed("palette", (s) => (s.palette = k === 1 ? 0 : k));
    $("palettes").append(label);
  }
}

// ----- where it guesses -----

async function guess() {
  const canvas = $("guess");
  canvas.hidden = !$("show-guess").checked;
  if (canvas.hidden || current?.state !== "ready") return;
  const photo = current;
  try {
    const blob = await held(photo, () => api.certainty(photo.id, photo.wish(), 640));
    const map = await createImageBitmap(blob);
    if (photo !== current) return;
    canvas.width = map.width;
    canvas.height = map.height;
    const pen = canvas.getContext("2d");
    pen.drawImage(map, 0, 0);
    const data = pen.getImageData(0, 0, map.width, map.height);
    for (let i = 0; i < data.data.length; i += 4) {
      const open = data.data[i] / 255;
      data.data.set([255, 96, 40, 255 * Math.min(0.8, Math.max(0, (open - 0.35) * 1.7))], i);
    }
    pen.putImageData(data, 0, 0);
  } catch (error) {
    say(error.message);
  }
}

// ----- hints -----

let picking = null; // index of the hint that the dialog is about

function drawMarks() {
  const box = $("marks");
  box.replaceChildren();
  if (!current?.width) return;
  current.settings.hints.forEach((hint, index) => {
    const button = document.createElement("button");
    button.style.left = `${((hint.x + 0.5) / current.width) * 100}%`;
    button.style.top = `${((hint.y + 0.5) / current.height) * 100}%`;
    button.style.background = hint.color;
    button.setAttribute("aria-label", `Hint ${index + 1}, ${hint.color}`);
    button.onpointerdown = (event) => event.stopPropagation();
    button.onclick = (event) => {
      event.stopPropagation();
      openPicker(index);
    };
    box.append(button);
  });
}

function place(event) {
  const box = $("sheet").getBoundingClientRect();
  const clip = (value, size) => Math.min(size - 1, Math.max(0, Math.floor(value)));
  return {
    x: clip(((event.clientX - box.left) / box.width) * current.width, current.width),
    y: clip(((event.clientY - box.top) / box.height) * current.height, current.height),
  };
}

async function putHint({ x, y }) {
  const photo = current;
  let found;
  try {
    found = await held(photo, () => api.suggestions(photo.id, photo.wish(), x, y));
  } catch (error) {
    toast(error);
    return;
  }
  const radius = Math.max(1, Math.round(Math.min(photo.width, photo.height) * 0.008));
  changed(null, (s) => s.hints.push({ x, y, color: found.now, radius }));
  openPicker(photo.settings.hints.length - 1, found);
}

async function openPicker(index, found) {
  const photo = current;
  picking = index;
  const hint = photo.settings.hints[index];
  if (!$("picker").open) $("picker").show();
  syncPicker();
  standPicker();
  $("suggestions").replaceChildren();
  if (!found) {
    // What it would think without this hint.
    const wish = photo.wish();
    wish.hints = wish.hints.filter((_, i) => i !== index);
    try {
      found = await api.suggestions(photo.id, wish, hint.x, hint.y);
    } catch (error) {
      say(error.message);
      return;
    }
  }
  if (picking !== index) return;
  for (const { color, share } of found.suggestions) {
    const button = document.createElement("button");
    const swatch = document.createElement("i");
    swatch.style.background = color;
    const text = `${Math.max(1, Math.round(share * 100))} %`;
    button.append(swatch, text);
    button.setAttribute("aria-label", `${color}, ${text}`);
    button.onclick = () => recolour(color);
    $("suggestions").append(button);
  }
  syncPicker();
  $("suggestions").querySelector("button")?.focus({ preventScroll: true });
}

// Beside the place, and always whole.
function standPicker() {
  const picker = $("picker");
  const hint = current?.settings.hints[picking];
  if (!picker.open || !hint) return;
  const box = $("sheet").getBoundingClientRect();
  const x = box.left + ((hint.x + 0.5) / current.width) * box.width;
  const y = box.top + ((hint.y + 0.5) / current.height) * box.height;
  const left = x + 26 + picker.offsetWidth < innerWidth ? x + 26 : x - picker.offsetWidth - 26;
  picker.style.left = `${Math.max(8, left)}px`;
  picker.style.top = `${Math.max(8, Math.min(y - 60, innerHeight - picker.offsetHeight - 10))}px`;
}

function recolour(color) {
  if (picking === null) return;
  const index = picking;
  changed(`hint${index}`, (s) => (s.hints[index].color = color));
  syncPicker();
}

function syncPicker() {
  const hint = current?.settings.hints[picking];
  if (!hint) return closePicker();
  $("exact").value = hint.color;
  $("radius").value = Math.round(Math.sqrt((hint.radius / longest(current)) * 20000));
  for (const button of $("suggestions").children) {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-label").startsWith(hint.color)));
  }
  drawWheel(hint.color);
}

function closePicker() {
  picking = null;
  if ($("picker").open) $("picker").close();
}

// The wheel shows hues and strengths; what a colour becomes under a grey is the server's matter.
function toHsl(color) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16) / 255);
  const max = Math.max(r, g, b);
  const spread = max - Math.min(r, g, b);
  const l = max - spread / 2;
  let h = 0;
  if (spread) {
    if (max === r) h = ((g - b) / spread + 6) % 6;
    else if (max === g) h = (b - r) / spread + 2;
    else h = (r - g) / spread + 4;
  }
  return { h: h * 60, s: spread ? spread / (1 - Math.abs(2 * l - 1)) : 0 };
}

function fromHsl(h, s, l = 0.56) {
  const part = (n) => {
    const k = (n + h / 30) % 12;
    const value = l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(value * 255).toString(16).padStart(2, "0");
  };
  return `#${part(0)}${part(8)}${part(4)}`;
}

let ring = null;
function drawWheel(color) {
  const canvas = $("wheel");
  const pen = canvas.getContext("2d");
  const r = canvas.width / 2;
  if (!ring) {
    ring = pen.createImageData(canvas.width, canvas.height);
    for (let y = 0; y < canvas.height; y++) {
      for (let x = 0; x < canvas.width; x++) {
        const [dx, dy] = [(x - r) / r, (y - r) / r];
        const s = Math.hypot(dx, dy);
        if (s > 1) continue;
        const h = ((Math.atan2(dy, dx) * 180) / Math.PI + 360) % 360;
        const hex = fromHsl(h, s);
        const values = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
        ring.data.set([...values, 255], (y * canvas.width + x) * 4);
      }
    }
  }
  pen.putImageData(ring, 0, 0);
  const { h, s } = toHsl(color);
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
  canvas.setAttribute("aria-valuetext", `hue ${Math.round(h)}, strength ${Math.round(s * 100)} percent`);
}

// ----- strokes -----

let stroke = null;

function brushRadius() {
  const box = $("sheet").getBoundingClientRect();
  return Math.max(1, Math.round((Number($("brush-size").value) * current.width) / box.width));
}

function drawStroke() {
  const canvas = $("paint");
  const box = $("sheet").getBoundingClientRect();
  canvas.hidden = !stroke;
  if (!stroke) return;
  if (canvas.width !== Math.round(box.width)) {
    canvas.width = Math.round(box.width);
    canvas.height = Math.round(box.height);
  }
  const scale = box.width / current.width;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.lineCap = pen.lineJoin = "round";
  pen.lineWidth = (2 * stroke.radius + 1) * scale;
  pen.strokeStyle = stroke.color || "#888";
  pen.beginPath();
  stroke.points.forEach(([x, y], i) => (i ? pen.lineTo(x * scale, y * scale) : pen.moveTo(x * scale, y * scale)));
  if (stroke.points.length === 1) pen.lineTo(stroke.points[0][0] * scale + 0.1, stroke.points[0][1] * scale);
  pen.stroke();
}

function endStroke() {
  if (!stroke) return;
  const done = stroke;
  stroke = null;
  const grey = document.body.dataset.tool === "grey";
  changed(null, (s) => (grey ? s.grey_strokes : s.strokes).push(done));
  // The painted line stays until the picture has caught up.
  setTimeout(drawStroke, 350);
}

// ----- reference and download -----

async function takeReference(file) {
  const photo = current;
  if (!photo || !file) return;
  $("reference").replaceChildren("Reading…");
  try {
    const id = await api.layer("reference", file);
    const reference = { id, name: file.name, url: URL.createObjectURL(file) };
    references.set(id, file); // a file is no JSON, and steps that are undone are
    photo.step(null, (s) => (s.reference = reference));
    controls();
    soon();
  } catch (error) {
    controls();
    toast(error);
  }
}

async function download() {
  const photo = current;
  const button = $("download");
  button.disabled = true;
  button.textContent = "Colouring at full size…";
  const query = {};
  if ($("format").value) query.format = $("format").value;
  if ($("keep-location").checked) query.keep_location = 1;
  if ($("strip").checked) query.strip_metadata = 1;
  try {
    const answer = await held(photo, () => api.finished(photo.id, photo.wish(), query));
    const blob = await answer.blob();
    const notes = JSON.parse(answer.headers.get("X-Tintype-Notes") || "[]");
    const suffix = /filename="photo(\.color\.\w+)"/.exec(answer.headers.get("Content-Disposition"))?.[1] || ".color.png";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = photo.name.replace(/\.[^.]*$/, "") + suffix;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`${link.download} is saved. ${notes.join(" ")}`);
    if (notes.length) toast({ message: notes.join(" ") });
  } catch (error) {
    toast(error);
    say(error.message);
  } finally {
    button.disabled = false;
    button.textContent = "Download";
  }
}

function say(text) {
  $("live").textContent = "";
  requestAnimationFrame(() => ($("live").textContent = text));
}

// ----- wiring -----

function wire() {
  makePalettes();
  for (const id of ["choose", "add"]) $(id).onclick = () => $("files").click();
  $("files").onchange = () => {
    take($("files").files);
    $("files").value = "";
  };
  $("retry").onclick = () => {
    queue.unshift(current);
    current.error = null;
    mark(current, "waiting");
    work();
  };
  for (const radio of document.querySelectorAll('input[name="tool"]')) {
    radio.onchange = () => tool(radio.value);
  }
  $("compare").oninput = divide;
  $("vividness").oninput = (e) => changed("vividness", (s) => (s.vividness = Number(e.target.value)));
  $("warmth").oninput = (e) => changed("warmth", (s) => (s.warmth = Number(e.target.value)));
  $("brush-size").oninput = () => ($("brush-size-out").value = $("brush-size").value);
  $("show-guess").onchange = guess;
  $("undo").onclick = () => travel("undo");
  $("redo").onclick = () => travel("redo");
  $("download").onclick = download;
  $("picker-close").onclick = $("done").onclick = closePicker;
  $("remove").onclick = () => {
    const index = picking;
    closePicker();
    changed(null, (s) => s.hints.splice(index, 1));
  };
  $("exact").oninput = (e) => recolour(e.target.value);
  $("radius").oninput = (e) => {
    const index = picking;
    const radius = Math.round((Number(e.target.value) ** 2 / 20000) * longest(current));
    changed(`radius${index}`, (s) => (s.hints[index].radius = radius));
  };
  $("reference").onclick = () => $("reference-file").click();
  $("reference-file").onchange = (e) => {
    takeReference(e.target.files[0]);
    e.target.value = "";
  };
  $("reference-clear").onclick = () => changed(null, (s) => (s.reference = null));
  for (const button of $("zoom").children) button.onclick = () => zoom(button.dataset.zoom);
  new ResizeObserver(layOut).observe($("scroller"));
  new ResizeObserver(standPicker).observe($("picker"));
  wireSheet();
  wireWheel();
  wireDrops();
  document.addEventListener("keydown", keys);
  addEventListener("paste", (e) => take([...e.clipboardData.files].filter((f) => f.type.startsWith("image/"))));
}

function travel(way) {
  if (!current?.[way]()) return;
  closePicker();
  controls();
  drawMarks();
  soon();
  say(way === "undo" ? "Undone." : "Done again.");
}

function wireSheet() {
  const sheet = $("sheet");
  let down = null;
  sheet.addEventListener("pointerdown", (event) => {
    const name = document.body.dataset.tool;
    if (name === "look" || current?.state !== "ready" || event.button) return;
    down = [event.clientX, event.clientY];
    if (name === "hint") return;
    event.preventDefault();
    sheet.setPointerCapture(event.pointerId);
    const { x, y } = place(event);
    stroke = { points: [[x, y]], radius: brushRadius() };
    if (name === "brush") stroke.color = $("brush-color").value;
    drawStroke();
  });
  sheet.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    for (const one of event.getCoalescedEvents?.() || [event]) {
      const { x, y } = place(one);
      const [px, py] = stroke.points[stroke.points.length - 1];
      if (Math.hypot(x - px, y - py) >= Math.max(1, stroke.radius / 3)) stroke.points.push([x, y]);
    }
    drawStroke();
  });
  sheet.addEventListener("pointercancel", () => {
    stroke = null;
    down = null;
    drawStroke();
  });
  sheet.addEventListener("pointerup", (event) => {
    if (stroke) return endStroke();
    // A tap is a hint, a pan is not.
    const moved = down && Math.hypot(event.clientX - down[0], event.clientY - down[1]);
    if (document.body.dataset.tool === "hint" && down && moved < 8) putHint(place(event));
    down = null;
  });
  sheet.addEventListener("keydown", (event) => {
    if (document.body.dataset.tool === "look" || event.target !== sheet) return;
    const cursor = $("cursor");
    const step = event.shiftKey ? 10 : 1;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (cursor.hidden) Object.assign(cursor, { px: 50, py: 50, hidden: false });
    if (moves[event.key]) {
      cursor.px = Math.min(100, Math.max(0, cursor.px + moves[event.key][0]));
      cursor.py = Math.min(100, Math.max(0, cursor.py + moves[event.key][1]));
      event.preventDefault();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const x = Math.min(current.width - 1, Math.floor((cursor.px / 100) * current.width));
      const y = Math.min(current.height - 1, Math.floor((cursor.py / 100) * current.height));
      if (document.body.dataset.tool === "hint") putHint({ x, y });
      else {
        stroke = { points: [[x, y]], radius: brushRadius() };
        if (document.body.dataset.tool === "brush") stroke.color = $("brush-color").value;
        endStroke();
      }
    }
    cursor.style.left = `${cursor.px}%`;
    cursor.style.top = `${cursor.py}%`;
  });
  $("scroller").addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? "in" : "out");
    },
    { passive: false },
  );
}

function wireWheel() {
  const wheel = $("wheel");
  const pick = (event) => {
    const box = wheel.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
    const hue = ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360;
    recolour(fromHsl(hue, Math.min(1, Math.hypot(x, y) / (box.width / 2))));
  };
  wheel.onpointerdown = (event) => {
    wheel.setPointerCapture(event.pointerId);
    pick(event);
  };
  wheel.onpointermove = (event) => event.buttons && pick(event);
  wheel.onkeydown = (event) => {
    let { h, s } = toHsl($("exact").value);
    const turn = { ArrowLeft: -6, ArrowRight: 6 }[event.key];
    const more = { ArrowUp: 0.05, ArrowDown: -0.05 }[event.key];
    if (!turn && !more) return;
    event.preventDefault();
    h = (h + (turn || 0) + 360) % 360;
    s = Math.min(1, Math.max(0.02, s + (more || 0)));
    recolour(fromHsl(h, s));
  };
}

function wireDrops() {
  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    $("veil").hidden = false;
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    $("veil").hidden = depth === 0;
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    $("veil").hidden = true;
    const box = $("reference-box").getBoundingClientRect();
    const inside = !$("panel").hidden && event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (inside) takeReference(event.dataTransfer.files[0]);
    else take(event.dataTransfer.files);
  });
}

function keys(event) {
  const typing = event.target.matches?.("input:not([type=range]):not([type=radio]):not([type=checkbox]), select, textarea");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    travel(event.shiftKey ? "redo" : "undo");
    return;
  }
  if (event.key === "Escape") closePicker();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !current) return;
  const chosen = { 1: "look", 2: "hint", 3: "brush", 4: "grey" }[event.key];
  if (chosen) tool(chosen);
  if (event.key === "g") {
    $("show-guess").checked = !$("show-guess").checked;
    guess();
  }
  if (event.key === "[" || event.key === "]") {
    $("brush-size").value = Number($("brush-size").value) + (event.key === "]" ? 4 : -4);
    controls();
  }
}

async function start() {
  wire();
  tool("look");
  try {
    info = await api.status();
  } catch (error) {
    say(error.message);
  }
  $("format").append(new Option("As it came", ""), ...info.formats.map((name) => new Option(name, name)));
  $("palette-box").hidden = !info.capabilities.includes("logits");
  $("reference-box").hidden = !info.capabilities.includes("features");
  document.body.dataset.ready = "yes";
}

start();
