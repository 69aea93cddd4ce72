// The live page of a run: asks for its progress twice a second until it is over, and draws what it hears.
"use strict";

const page = document.getElementById("run");
const part = (name) => document.getElementById(`run-${name}`);
const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, PAD] = [320, 120, 6];
let wasOver = null;
let timer = null;

function number(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return value === null || value === undefined ? "–" : String(value);
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1e4 || Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
}

function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

// What the training calls its figures, in words that say more; those of learning/terms.py are the same there.
const CALLED = {
  satisfied: "satisfied triplets", satisfied_raw: "satisfied triplets, raw landmarks or pixels",
  satisfied_neutral_difference: "satisfied triplets, expression minus neutral", accuracy: "accuracy",
  majority: "accuracy of always naming the commonest class", f1: "F1", r2: "R²", mae: "mean absolute error",
  mae_of_mean: "mean absolute error of always saying the mean", pearson: "Pearson r", n_triplets: "triplets",
  n_stimuli: "faces", n_pictures: "pictures", n_steps_done: "steps done", best_step: "step that is kept",
  is_mirrored: "faces mirrored as well", uses_neutral: "knows the neutral face",
  is_validation_carved: "validation carved out of training", split_by: "held out by", triplet_weight: "weight of the triplets",
  active_dimensions: "active dimensions", kl: "KL", elbo: "ELBO", triplet: "triplet term",
  largest_share: "share of the class named most",
};
const SPLITS = ["test", "validation", "train"];
const STEEP = 20;

function words(name) {
  if (CALLED[name]) return CALLED[name];
  if (name.startsWith("validation_")) return `${words(name.slice(11))}, validation`;
  const split = SPLITS.find((each) => name.endsWith(`_${each}`));
  return split ? `${words(name.slice(0, -split.length - 1))}, ${split}` : name.replaceAll("_", " ");
}

const FIRST = ["satisfied_test", "satisfied_validation", "satisfied_train", "loss"];

// Said in words above the figures, or of use to programs only.
const TOLD = new Set(["warning", "overfit", "warm_start", "started_from", "pretrained_sha256", "folds"]);

function rank(name) {
  const place = FIRST.indexOf(name);
  if (place >= 0) return place;
  if (name.startsWith("satisfied")) return FIRST.length;
  return name.startsWith("n_") ? FIRST.length + 2 : FIRST.length + 1;
}

function svg(tag, attributes, parent) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}

function element(tag, text, parent, className) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  parent.append(node);
  return node;
}

function curve(name, points) {
  const figure = document.createElement("figure");
  const caption = element("figcaption", words(name), figure);
  element("b", number(points[points.length - 1][1]), caption);
  const steps = points.map((point) => point[0]);
  const values = points.map((point) => point[1]);
  const [left, right] = [Math.min(...steps), Math.max(...steps)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  // What falls by orders of magnitude would be a flat line for most of its way.
  const isSteep = low > 0 && high / low > STEEP;
  const scale = isSteep ? Math.log : (value) => value;
  const x = (step) => PAD + ((step - left) / (right - left || 1)) * (WIDTH - 2 * PAD);
  const y = (value) => HEIGHT - PAD - ((scale(value) - scale(low)) / (scale(high) - scale(low) || 1)) * (HEIGHT - 2 * PAD);
  const label = `${words(name)} from step ${left} to ${right}: between ${number(low)} and ${number(high)}`;
  const plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label }, figure);
  for (const share of [0, 0.5, 1]) {
    const at = PAD + share * (HEIGHT - 2 * PAD);
    svg("line", { x1: PAD, x2: WIDTH - PAD, y1: at, y2: at, class: "run-grid" }, plot);
  }
  const path = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  svg("polyline", { points: path, class: "run-curve" }, plot);
  const range = element("p", "", figure, "run-range");
  element("span", `step ${left}`, range);
  element("span", `${number(low)} to ${number(high)}${isSteep ? ", logarithmic" : ""}`, range);
  element("span", `step ${right}`, range);
  return figure;
}

// Figures of more than one split stand side by side, a row each; returned are those of none.
function showSplits(metrics) {
  const rows = new Map();
  const rest = metrics.filter(([name, value]) => {
    const split = SPLITS.find((each) => name.endsWith(`_${each}`));
    if (!split) return true;
    const row = name.slice(0, -split.length - 1);
    rows.set(row, { ...rows.get(row), [split]: value });
    return false;
  });
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const title of ["", ...SPLITS]) element(title ? "th" : "td", title === "train" ? "training" : title, head, title && "run-number");
  const body = table.createTBody();
  for (const [name, values] of rows) {
    const row = body.insertRow();
    element("th", words(name), row).scope = "row";
    for (const split of SPLITS) element("td", number(values[split]), row, "run-number");
  }
  part("splits").replaceChildren(...(rows.size ? [table] : []));
  return rest;
}

function show(progress) {
  part("badge").textContent = progress.label;
  part("badge").className = `run-badge is-${progress.status}`;
  part("place").textContent = progress.place ? `place ${progress.place} in the queue` : "";
  part("bar").max = progress.n_steps || 1;
  part("bar").value = progress.step;
  part("step").textContent = progress.step;
  part("steps").textContent = progress.n_steps || "?";
  part("attempts").textContent = progress.n_attempts;
  const times = [];
  if (progress.seconds !== null) times.push(`${duration(progress.seconds)} so far`);
  if (progress.is_over && progress.seconds !== null) times[0] = `took ${duration(progress.seconds)}`;
  if (!progress.is_over && progress.seconds_left !== null) times.push(`about ${duration(progress.seconds_left)} left`);
  part("time").textContent = times.join(", ");
  part("message").textContent = progress.message;
  part("message").hidden = !progress.message;
  part("message").className = `run-message is-${progress.status}`;
  if (part("stop")) part("stop").hidden = !progress.can_stop;
  if (part("resume")) part("resume").hidden = !progress.can_resume;

  part("warning").textContent = progress.metrics.warning || "";
  part("warning").hidden = !progress.metrics.warning;
  const notes = [progress.metrics.folds, progress.metrics.overfit, progress.metrics.warm_start].filter(Boolean).join("; ");
  part("note").textContent = notes;
  part("note").hidden = !notes;
  // What people look for first stands first; nested details stay in the checkpoint.
  const metrics = Object.entries(progress.metrics)
    .filter(([name, value]) => !TOLD.has(name) && (value === null || typeof value !== "object"))
    .sort(([a], [b]) => rank(a) - rank(b));
  part("nothing").hidden = metrics.length > 0;
  const rest = showSplits(metrics);
  part("metrics").replaceChildren();
  for (const [name, value] of rest) {
    const row = element("div", "", part("metrics"));
    element("dt", words(name), row);
    element("dd", number(value), row);
  }
  part("curves").replaceChildren(...Object.entries(progress.curves).filter(([, points]) => points.some((point) => point[1] !== points[0][1]))
    .map(([name, points]) => curve(name, points)));
  if (!part("curves").children.length) element("p", "Curves appear while the run trains.", part("curves"), "help");
}

async function ask() {
  try {
    const response = await fetch(page.dataset.progress, { headers: { Accept: "application/json" } });
    if (!response.ok || response.redirected) throw new Error(`status ${response.status}`);
    const progress = await response.json();
    part("lost").hidden = true;
    show(progress);
    // The checkpoint of a run that ended under our eyes is drawn by the server.
    if (wasOver === false && progress.is_over) return window.location.reload();
    wasOver = progress.is_over;
    if (!progress.is_over) schedule(500);
  } catch (error) {
    part("lost").hidden = false;
    schedule(3000);
  }
}

function schedule(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(ask, milliseconds);
}

const first = JSON.parse(document.getElementById("run-progress").textContent);
wasOver = first.is_over;
show(first);
if (!first.is_over) schedule(500);
