
"use strict";
const at = (id) => document.getElementById(id);
const MOST_BARS = 20;
let token = sessionStorage.getItem("strata-token") || "";
let model = null;
let image = null;  // numbers of the picture as the model gets it, or null
let asked = 0;  // how often; an answer to an earlier one is not shown
let chosen = 0;

// Characters that act on what stands beside them and are not seen.
const ACTING = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function plain(text) {
  return String(text).replace(ACTING, (character) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function element(name, text, properties) {
  const made = Object.assign(document.createElement(name), properties || {});
  if (text !== undefined) made.textContent = plain(text);
  return made;
}

async function get(path) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers });
  if (answer.status === 401) throw new Error("token");
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}

async function begin() {
  at("login").hidden = true;
  at("failed").textContent = "";
  try {
    const { models } = await get("v1/models");
    at("models").replaceChildren(
      ...models.map((m) => element("option", m.name, { value: m.name })));
    at("choice").hidden = models.length < 2;
    const isShown = models.some(({ name }) => name === model?.name);
    await choose(isShown ? model.name : models[0].name);
  } catch (error) {
    tellOf(error);
  }
}

function tellOf(error) {
  if (error.message !== "token") return tell(error.message, true);
  if (token) tell("The server does not take this token.", true);
  at("login").hidden = false;
  at("token").focus();
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  at("token").value = "";
  sessionStorage.setItem("strata-token", token);
  begin();
});
at("models").addEventListener("change", async () => {
  try {
    await choose(at("models").value);
  } catch (error) {
    if (model) at("models").value = model.name;
    tellOf(error);
  }
});

async function choose(name) {
  const mine = ++chosen;
  const found = await get(`v1/models/${encodeURIComponent(name)}/about`);
  if (mine !== chosen) return;  // another was chosen meanwhile
  // A new version of the same model is asked what was asked of the one before.
  const isKept = model !== null && inputOf(model) === inputOf(found);
  const kept = isKept && !isPicture() ? texts() : [];
  model = found;
  at("models").value = model.name;
  at("failed").textContent = "";
  at("main").hidden = false;
  document.title = at("title").textContent = `Try ${plain(model.name)}`;
  at("lead").textContent = `${model.problem} on ${plain(model.data)},`
    + ` version ${model.version}, by ${model.runtime}`;
  const isImage = isPicture();
  at("image").hidden = !isImage;
  at("form").hidden = isImage || !model.columns.length;
  at("table").hidden = isImage;
  at("table").open = !isImage && !model.columns.length;
  forget();
  if (!isImage) {
    image = null;
    makeFields();
    kept.forEach((text, place) => fill(at(`field-${place}`), text));
  } else if (!isKept) {
    clearCanvas();
    show(blank());
  }
  showCode(bodyOf(isImage ? image : filledIn()), JSON_TYPE);
  showFacts();
}

function inputOf({ name, shape, dtype, largest, columns }) {
  const named = columns.map((column) => [column.name, column.kind]);
  return JSON.stringify([name, shape, dtype, largest, named]);
}

function isPicture() {
  const [height, width, channels] = model.shape;
  return model.kind === "image" && height > 1 && width > 1
    && model.shape.length <= 3 && [undefined, 1, 3].includes(channels);
}

// A run on a table takes the file's own cells, any other numbers.
function isTable() {
  return model.columns.some((column) => column.may_be_missing !== undefined);
}

function showFacts() {
  const facts = [
    ["Data", model.origin],
    ["Rows", Object.entries(model.examples)
      .map(([split, rows]) => `${rows.toLocaleString("en")} ${split}`)
      .join(", ")],
    ["Takes", isTable() ? model.columns.map((c) => c.name).join(", ")
      : `${model.dtype} of shape ${model.shape.join(" × ")}`],
    ["Step", model.step.toLocaleString("en")],
    ...Object.entries(model.scores)
      .filter(([metric, value]) =>
        metric !== "examples" && typeof value === "number")
      .map(([metric, value]) =>
        [`${capital(model.split)} ${metric.replaceAll("_", " ")}`,
          short(value)]),
  ];
  at("facts").replaceChildren(...facts.flatMap(
    ([name, value]) => [element("dt", name), element("dd", value)]));
  at("card").textContent = model.card;
  at("card-box").hidden = !model.card;
}

function capital(word) {
  return word[0].toUpperCase() + word.slice(1);
}

// Of scores, which are read and not sent.
function short(number) {
  return Number(number.toPrecision(5)).toString();
}

// The digits of a float64 that are the number's own, and no rounding's.
function full(number) {
  return Number(number.toPrecision(15)).toString();
}

// Asking.

const JSON_TYPE = "application/json";

function path(version = "") {
  return `v1/models/${encodeURIComponent(model.name)}${version}:predict`;
}

async function ask(body, type) {
  const mine = ++asked;
  const headers = { "Content-Type": type };
  if (token) headers.Authorization = `Bearer ${token}`;
  const began = performance.now();
  let answer, value;
  try {
    // Of the version whose classes and scores are shown beside its answer.
    answer = await fetch(path(`/versions/${model.version}`),
      { method: "POST", body, headers });
    value = await answer.json();
  } catch (error) {
    if (mine === asked)
      tell(`The server cannot be reached (${error.message}).`, true);
    return;
  }
  if (mine !== asked) return;  // another was asked meanwhile
  if (answer.status === 404) return renew(value.error);
  if (answer.status === 401) {
    forget();
    return tellOf(new Error("token"));
  }
  const took = performance.now() - began;
  showCode(body, type);
  if (!answer.ok) {
    at("bars").replaceChildren();
    at("meaning").textContent = at("latency").textContent = "";
    at("rows").hidden = true;
    return tell(value.error, true);
  }
  at("latency").textContent = `Answered in ${took.toFixed(1)} ms.`;
  const rows = value.predictions;
  at("rows").hidden = rows.length === 1;
  if (rows.length === 1) showAnswer(rows[0]); else showRows(rows);
}

// Shows the version that answers now, where it is another.
async function renew(why) {
  const before = model;
  forget();
  try {
    await choose(before.name);
  } catch (error) {
    return tellOf(error);
  }
  if (model.name !== before.name) return;  // another was chosen meanwhile
  if (model.version === before.version) return tell(why, true);
  tell(`Version ${model.version} has taken the place of version`
    + ` ${before.version}; ask again.`, true);
}

// Has no answer shown, not even of what is being asked.
function forget() {
  asked += 1;
  tell("Nothing was asked yet.");
  at("latency").textContent = at("meaning").textContent = "";
  at("bars").replaceChildren();
  at("rows").hidden = true;
}

function tell(text, isWrong) {
  if (at("main").hidden) {  // nothing could be opened yet
    at("failed").textContent = plain(text);
    return;
  }
  at("said").textContent = plain(text);
  at("said").classList.toggle("wrong", Boolean(isWrong));
}

function numbersOf(row) {
  return Array.isArray(row) ? row : row[model.output_name];
}

function answerOf(row) {
  if (row.class !== undefined) return row.class;
  if (row.labels !== undefined) return row.labels.join(", ") || "none";
  return numbersOf(row).map(full).join(", ");
}

function showAnswer(row) {
  const numbers = numbersOf(row);
  at("bars").replaceChildren();
  at("meaning").textContent = "";
  if (!model.labels.length) return tell(answerOf(row));
  let chances = model.labels.map((label, place) => [label, numbers[place]]);
  if (numbers.length < model.labels.length)
    chances = [[model.labels[0], 1 - numbers[0]], [model.labels[1], numbers[0]]];
  const sure = chances.find(([label]) => label === row.class);
  tell(sure ? `${row.class}, ${percent(sure[1])}` : answerOf(row));
  if (chances.length > MOST_BARS)
    chances.sort((a, b) => b[1] - a[1]).splice(MOST_BARS);
  const told = new Set(row.labels || [row.class]);
  at("bars").replaceChildren(...chances.map(([label, chance]) => {
    const line = element("li");
    if (told.has(label)) line.className = "best";
    line.append(
      element("span", label, { className: "name", title: label }),
      element("meter", undefined, { min: 0, max: 1, value: chance,
        ariaLabel: label }),
      element("span", percent(chance), { className: "value" }));
    return line;
  }));
  const known = model.per_class.find((one) => one.class === row.class);
  if (known) at("meaning").textContent = meaningOf(known);
}

// A share of no rows is none, and has no interval.
function meaningOf(known) {
  const name = plain(known.class);
  const words = [];
  if (known.precision_interval !== null)
    words.push(`Of the ${model.split} rows that were called ${name},`
      + ` ${percent(known.precision)} were.`);
  if (known.recall_interval !== null)
    words.push(`Of the ${known.support} ${model.split} rows that are ${name},`
      + ` ${percent(known.recall)} were found.`);
  return words.join(" ");
}

function percent(part) {
  return `${(100 * part).toFixed(1)} %`;
}

function showRows(rows) {
  at("bars").replaceChildren();
  at("meaning").textContent = "";
  tell(`${rows.length} rows`);
  const table = element("table");
  const head = element("tr");
  const names = model.labels.length ? ["row", "answer", "probability"]
    : ["row", "value"];
  head.append(...names.map((name) => element("th", name, { scope: "col" })));
  table.append(element("thead"), element("tbody"));
  table.tHead.append(head);
  rows.forEach((row, place) => {
    const cells = [place + 1, answerOf(row)];
    if (model.labels.length) cells.push(percent(surest(row)));
    const line = element("tr");
    line.append(...cells.map((cell) => element("td", cell)));
    table.tBodies[0].append(line);
  });
  at("rows").replaceChildren(table);
}

function surest(row) {
  const numbers = numbersOf(row);
  if (numbers.length >= model.labels.length) return Math.max(...numbers);
  return row.class === model.labels[1] ? numbers[0] : 1 - numbers[0];
}

function showCode(body, type) {
  const url = new URL(path(), location.href).href;
  const isJson = type === JSON_TYPE;
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const header = `-H 'Content-Type: ${type}'`;
  const bearer = token ? ` \\\n  -H "Authorization: Bearer $TOKEN"` : "";
  // As it is: --data and --data-binary take a body from @ on for a file's name.
  at("curl").textContent = `curl ${quoted(url)} \\\n  ${header}${bearer}`
    + ` \\\n  --data-raw ${quoted(body)}`;
  const python = token
    ? `, "Authorization": "Bearer " + os.environ["TOKEN"]` : "";
  at("python").textContent = `import json\n${token ? "import os\n" : ""}`
    + `import urllib.request\n\nbody = ${JSON.stringify(body)}\n`
    + `request = urllib.request.Request(\n    ${JSON.stringify(url)},\n`
    + `    body.encode(),\n    {"Content-Type": "${type}"${python}},\n)\n`
    + `with urllib.request.urlopen(request) as answer:\n`
    + `    print(json.load(answer)["predictions"])\n`;
  const script = token ? ",\n    Authorization: `Bearer ${TOKEN}`" : "";
  at("javascript").textContent = `const answer = await fetch(`
    + `${JSON.stringify(url)}, {\n  method: "POST",\n  headers: {\n`
    + `    "Content-Type": "${type}"${script},\n  },\n  body: `
    + `${isJson ? `JSON.stringify(${body})` : JSON.stringify(body)},\n});\n`
    + `console.log((await answer.json()).predictions);\n`;
}

function bodyOf(row) {
  return JSON.stringify({ instances: [row] });
}

function askJson(row) {
  return ask(bodyOf(row), JSON_TYPE);
}

// Tables.

function makeFields() {
  at("fields").replaceChildren(...model.columns.map((column, place) => {
    const box = element("div");
    const id = `field-${place}`;
    const input = element("input", undefined, { id, autocomplete: "off",
      spellcheck: false });
    const hint = element("span", hintOf(column), { id: `${id}-hint`,
      className: "hint" });
    input.setAttribute("aria-describedby", hint.id);
    input.value = firstOf(column);
    if (column.kind === "number") input.inputMode = "decimal";
    if (column.kind === "category") {
      const words = element("datalist", undefined, { id: `${id}-words` });
      words.append(...column.words.map((word) =>
        element("option", undefined, { value: word })));
      input.setAttribute("list", words.id);
      box.append(words);
    }
    input.addEventListener("input", () => warn(column, input, hint));
    box.prepend(element("label", column.name, { htmlFor: id }), input, hint);
    return box;
  }));
}

function fill(input, text) {
  input.value = text;
  input.dispatchEvent(new Event("input"));
}

function firstOf(column) {
  if (column.median !== undefined && column.kind === "number")
    return full(column.median);
  if (column.kind === "category") return column.words[0] || "";
  if (column.kind === "number" && column.least !== undefined)
    return full((column.least + column.greatest) / 2);
  return "";
}

function hintOf(column) {
  const words = [];
  if (column.least !== undefined)
    words.push(`${full(column.least)} to ${full(column.greatest)}`);
  if (column.median !== undefined)
    words.push(`median ${full(column.median)}`);
  if (column.words)
    words.push(`${column.words.length} known words`);
  if (column.form) words.push(column.form);
  if (column.may_be_missing) words.push("may be empty");
  return words.join("; ");
}

function warn(column, input, hint) {
  const text = input.value.trim();
  let words = "";
  if (column.kind === "number" && text && column.least !== undefined) {
    const value = Number(text);
    if (value < column.least || value > column.greatest)
      words = "outside of the training rows: ";
  } else if (column.words && text && !column.words.includes(text)) {
    words = "a word that no training row has: ";
  }
  hint.classList.toggle("far", Boolean(words));
  hint.textContent = words + hintOf(column);
}

function texts() {
  return model.columns.map((_, place) => at(`field-${place}`).value);
}

// The row that the form holds; of a run without known columns one of zeros.
function filledIn() {
  if (!model.columns.length)
    return Array(model.shape.reduce((size, side) => size * side, 1)).fill(0);
  const found = texts();
  if (!isTable()) return found.map(Number);
  return Object.fromEntries(
    model.columns.map((column, place) => [column.name, found[place]]));
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const bad = isTable() ? -1
    : texts().findIndex((t) => !t.trim() || !isFinite(Number(t)));
  if (bad >= 0) {
    at(`field-${bad}`).focus();
    return tell(`${model.columns[bad].name} must be a number.`, true);
  }
  askJson(filledIn());
});

at("csv-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!at("csv").value.trim()) return tell("Paste a row first.", true);
  // A last row may end in tabs, which part cells.
  ask(at("csv").value.replace(/[\r\n]+$/, "") + "\n", "text/csv");
});
at("csv-file").addEventListener("change", (event) =>
  openTable(event.target.files[0]));

async function openTable(file) {
  if (!file) return;
  try {
    at("csv").value = decoded(await file.arrayBuffer());
  } catch (error) {
    forget();
    return tell(`${file.name} cannot be read as text in UTF-8 or UTF-16;`
      + " save it as CSV UTF-8.", true);
  }
  at("csv-form").requestSubmit();
}

// The text of a file as the server reads it: UTF-16 where its mark is there.
function decoded(bytes) {
  const [first, second] = new Uint8Array(bytes);
  const name = first === 0xff && second === 0xfe ? "utf-16le"
    : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(name, { fatal: true }).decode(bytes);
}

// Pictures.

const canvas = at("canvas");  // SIDE pixels wide, some for each of the model's
const pen = canvas.getContext("2d", { willReadFrequently: true });
let SIDE = canvas.width;
let isDown = false;
let last = null;
let cursor = [SIDE / 2, SIDE / 2];
let isPenSet = false;
let isDrawn = true;  // and not a picture from elsewhere

function longest() {
  return Math.max(...model.shape.slice(0, 2));
}

function isFine() {
  return longest() >= 20;
}

function clearCanvas() {
  SIDE = longest() * Math.ceil(280 / longest());
  canvas.width = canvas.height = SIDE;
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, SIDE, SIDE);
  isDrawn = true;
  const [height, width] = model.shape;
  at("seen").width = width;
  at("seen").height = height;
  at("pen").textContent = "Draw here, or drop or paste a picture.";
  cursor = [SIDE / 2, SIDE / 2];
  isPenSet = false;
}

function line(from, to) {
  if (!isDrawn) clearCanvas();
  pen.strokeStyle = "#fff";
  // As thick as a stroke of the images of MNIST, or of a coarser grid's.
  pen.lineWidth = SIDE * (isFine() ? 1 / 12 : 1.5 / longest());
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
}

function pointOf(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * SIDE / box.width,
    (event.clientY - box.top) * SIDE / box.height];
}

canvas.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  canvas.focus({ focusVisible: false });
  canvas.setPointerCapture(event.pointerId);
  isDown = true;
  last = pointOf(event);
  line(last, last);
});
canvas.addEventListener("pointermove", (event) => {
  if (!isDown) return;
  for (const part of event.getCoalescedEvents?.() || [event]) {
    const point = pointOf(part);
    line(last, point);
    last = point;
  }
});
for (const name of ["pointerup", "pointercancel"])
  canvas.addEventListener(name, () => {
    if (isDown) askPicture();
    isDown = false;
  });

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
  ArrowDown: [0, 1] };

canvas.addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (step) {
    const from = cursor;
    cursor = cursor.map((place, axis) =>
      Math.min(SIDE, Math.max(0, place + step[axis] * SIDE / 20)));
    if (isPenSet) {
      line(from, cursor);
      askPicture();
    }
  } else if (event.key === " ") {
    isPenSet = !isPenSet;
    if (isPenSet) {
      line(cursor, cursor);
      askPicture();
    }
  } else if (event.key === "Delete" || event.key === "Backspace") {
    clear();
  } else {
    return;
  }
  event.preventDefault();
  const [x, y] = cursor.map((place) => Math.round(place * 20 / SIDE));
  at("pen").textContent =
    `Pen ${isPenSet ? "down" : "up"}, column ${x} and row ${y} of 20.`;
});

function clear() {
  clearCanvas();
  show(blank());
  showCode(bodyOf(image), JSON_TYPE);
  forget();
}

at("clear").addEventListener("click", clear);
for (const id of ["centre", "invert"])
  at(id).addEventListener("change", askPicture);
at("picture").addEventListener("change", (event) =>
  openPicture(event.target.files[0]));

async function openPicture(file) {
  if (!file || !isPicture()) return;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch (error) {
    return tell(`${file.name} is no picture that this browser opens.`, true);
  }
  clearCanvas();
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, SIDE, SIDE);
  isDrawn = false;
  at("pen").textContent = `${file.name || "A picture"}, as the model gets it.`;
  askPicture();
}

function fileOf(transfer, kind) {
  return [...(transfer?.files || [])].find((file) =>
    kind === "image" ? file.type.startsWith("image/")
      : !file.type.startsWith("image/"));
}

document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (!model) return;
  if (isPicture()) openPicture(fileOf(event.dataTransfer, "image"));
  else openTable(fileOf(event.dataTransfer, "table"));
});
document.addEventListener("paste", (event) => {
  if (!model || !isPicture()) return;
  const file = fileOf(event.clipboardData, "image");
  if (file) openPicture(file);
});

// As the images of MNIST were made: the drawing is fitted into 20 of 28
// pixels, and its centre of mass is the middle. A coarser grid is filled.
function placeOf(pixels) {
  let [left, top, right, bottom] = [SIDE, SIDE, -1, -1];
  let [mass, x, y] = [0, 0, 0];
  for (let row = 0; row < SIDE; row++)
    for (let column = 0; column < SIDE; column++) {
      const light = pixels[4 * (row * SIDE + column)];
      if (!light) continue;
      left = Math.min(left, column);
      right = Math.max(right, column);
      top = Math.min(top, row);
      bottom = Math.max(bottom, row);
      mass += light;
      x += light * column;
      y += light * row;
    }
  if (!mass) return null;
  const size = Math.max(right - left, bottom - top) + 1;
  const scale = (isFine() ? 20 / 28 : 1) * SIDE / size;
  const middle = isFine() ? [x / mass, y / mass]
    : [(left + right + 1) / 2, (top + bottom + 1) / 2];
  return { scale, x: SIDE / 2 - scale * middle[0],
    y: SIDE / 2 - scale * middle[1] };
}

function askPicture() {
  const source = pen.getImageData(0, 0, SIDE, SIDE);
  let from = canvas;
  const place = isDrawn && at("centre").checked ? placeOf(source.data) : null;
  if (place) {
    from = element("canvas", undefined, { width: SIDE, height: SIDE });
    const moved = from.getContext("2d");
    moved.fillStyle = "#000";
    moved.fillRect(0, 0, SIDE, SIDE);
    moved.setTransform(place.scale, 0, 0, place.scale, place.x, place.y);
    moved.imageSmoothingQuality = "high";
    moved.drawImage(canvas, 0, 0);
  }
  const pixels = from.getContext("2d").getImageData(0, 0, SIDE, SIDE).data;
  show(averaged(pixels));
  askJson(image);
}

// Means of the canvas's pixels over each of the model's, [rows × columns × 3]
// in 0 to 1.
function averaged(pixels) {
  const [height, width] = model.shape;
  const sums = new Float32Array(height * width * 3);
  const counts = new Float32Array(height * width);
  for (let row = 0; row < SIDE; row++)
    for (let column = 0; column < SIDE; column++) {
      const to = Math.floor(row * height / SIDE) * width
        + Math.floor(column * width / SIDE);
      counts[to] += 1;
      for (let c = 0; c < 3; c++)
        sums[3 * to + c] += pixels[4 * (row * SIDE + column) + c] / 255;
    }
  return sums.map((sum, place) => {
    const mean = sum / (counts[Math.floor(place / 3)] || 1);
    return at("invert").checked ? 1 - mean : mean;
  });
}

function blank() {
  return new Float32Array(model.shape[0] * model.shape[1] * 3);
}

// Shows means, and has `image` be what the model gets of them.
function show(means) {
  const [height, width, channels] = model.shape;
  const isWhole = /int/.test(model.dtype);
  const largest = model.largest || (isWhole ? 255 : 1);
  const value = (mean) => isWhole ? Math.round(mean * largest)
    : Number((mean * largest).toPrecision(6));
  const seen = at("seen").getContext("2d");
  const picture = seen.createImageData(width, height);
  image = [];
  for (let row = 0; row < height; row++) {
    const line = [];
    for (let column = 0; column < width; column++) {
      const start = 3 * (row * width + column);
      const [r, g, b] = means.slice(start, start + 3);
      const grey = 0.299 * r + 0.587 * g + 0.114 * b;
      const shown = channels === 3 ? [r, g, b] : [grey, grey, grey];
      shown.forEach((part, c) => {
        picture.data[4 * (row * width + column) + c] = 255 * part;
      });
      picture.data[4 * (row * width + column) + 3] = 255;
      line.push(channels === 3 ? [r, g, b].map(value)
        : channels === 1 ? [value(grey)] : value(grey));
    }
    image.push(line);
  }
  seen.putImageData(picture, 0, 0);
}

begin();
