// Lines over a common axis, drawn as SVG: growth curves of studies, learning curves of several runs.
// A figure is <div data-lines="ID" data-title data-x>; ID names a JSON script, a list of series {name, kind, points:
// [[x, y, low, high]]}, or of plots {name, series} of which data-part names one. data-percent: y is a share.
// data-steep: what grows or falls by more than so many times is drawn on a logarithmic axis.
"use strict";

const LINES_SVG = "http://www.w3.org/2000/svg";

function lineNode(tag, attributes, parent, text) {
  const node = document.createElementNS(LINES_SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function lineNumber(value, percent) {
  if (percent) return `${(100 * value).toFixed(1)} %`;
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return Math.abs(value) >= 1e4 || Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

// Round steps of 1, 2 or 5 times a power of ten, about n of them between low and high.
function ticks(low, high, n) {
  const rough = (high - low) / n || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => power * factor >= rough);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) found.push(Number((k * step).toPrecision(12)));
  return found;
}

// 1, 2 and 5 times powers of ten between low and high, or powers of ten alone where those are enough.
function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    found.push(...[1, 2, 5].map((factor) => Number((factor * 10 ** power).toPrecision(12))));
  }
  const inside = found.filter((at) => at >= low && at <= high);
  const powers = inside.filter((at) => Number.isInteger(Number(Math.log10(at).toFixed(9))));
  return powers.length > 2 ? powers : inside;
}

function drawLines(host, { series, x: words, percent }) {
  const width = Math.max(240, host.clientWidth);
  const height = Number(host.dataset.height || 300);
  const pad = { left: 52, right: 14, top: 10, bottom: 38 };
  const all = series.flatMap((line) => line.points);
  const xs = all.map((point) => point[0]);
  const ys = all.flatMap((point) => point.slice(1).filter((value) => typeof value === "number"));
  let [left, right] = [Math.min(...xs), Math.max(...xs)];
  let [low, high] = [Math.min(...ys), Math.max(...ys)];
  if (left === right) [left, right] = [left - (left || 1) / 2, right + (right || 1) / 2];
  const isSteep = low > 0 && high / low > Number(host.dataset.steep || Infinity);
  const scale = isSteep ? Math.log : (value) => value;
  const back = isSteep ? Math.exp : (value) => value;
  const room = (scale(high) - scale(low) || Math.abs(high) || 1) * 0.06;
  [low, high] = [back(scale(low) - room), back(scale(high) + room)];
  if (percent) [low, high] = [Math.max(0, low), Math.min(1, high)];
  const inner = { width: width - pad.left - pad.right, height: height - pad.top - pad.bottom };
  const x = (value) => pad.left + ((value - left) / (right - left)) * inner.width;
  const y = (value) => pad.top + (1 - (scale(value) - scale(low)) / (scale(high) - scale(low))) * inner.height;

  const plot = document.createElementNS(LINES_SVG, "svg");
  const told = series.map((line) => `${line.name} ${lineNumber(line.points[line.points.length - 1][1], percent)}`);
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `${host.dataset.title}${isSteep ? ", logarithmic" : ""}. At the right end: ${told.join(", ")}.` })) plot.setAttribute(key, value);
  for (const at of isSteep ? logTicks(low, high) : ticks(low, high, 4)) {
    lineNode("line", { x1: pad.left, x2: width - pad.right, y1: y(at), y2: y(at), class: "lines-grid" }, plot);
    const text = percent ? `${Math.round(1000 * at) / 10} %` : lineNumber(at);
    lineNode("text", { x: pad.left - 6, y: y(at) + 4, class: "lines-tick lines-end" }, plot, text);
  }
  for (const at of ticks(left, right, Math.max(2, Math.floor(width / 130)))) {
    // A word in the middle of the last tick would be cut off by the edge.
    const anchor = x(at) > width - pad.right - 16 ? "lines-end" : "lines-middle";
    const place = anchor === "lines-end" ? width - 1 : x(at);
    lineNode("text", { x: place, y: height - pad.bottom + 16, class: `lines-tick ${anchor}` }, plot, lineNumber(at));
  }
  lineNode("text", { x: pad.left + inner.width / 2, y: height - 5, class: "lines-tick lines-middle" }, plot,
    isSteep ? `${words}; upwards logarithmic` : words);

  series.forEach((line, place) => {
    const group = lineNode("g", { class: `lines-line is-${line.kind} lines-${colour(line, place)}` }, plot);
    const banded = line.points.filter((point) => typeof point[2] === "number" && typeof point[3] === "number");
    if (line.kind === "own" && banded.length > 1) {
      const edge = [...banded.map((p) => [p[0], p[3]]), ...banded.map((p) => [p[0], p[2]]).reverse()];
      lineNode("polygon", { points: edge.map(([a, b]) => `${x(a)},${y(b)}`).join(" "), class: "lines-band" }, group);
    }
    lineNode("polyline", { points: line.points.map((p) => `${x(p[0])},${y(p[1])}`).join(" "), class: "lines-path" }, group);
    if (line.points.length > 40) return;
    for (const point of line.points) {
      if (line.kind === "own" && typeof point[2] === "number") {
        lineNode("line", { x1: x(point[0]), x2: x(point[0]), y1: y(point[2]), y2: y(point[3]), class: "lines-path" }, group);
      }
      const dot = lineNode("circle", { cx: x(point[0]), cy: y(point[1]), r: line.kind === "own" ? 4 : 2.5, class: "lines-dot" }, group);
      const range = typeof point[2] === "number" ? ` [${lineNumber(point[2], percent)}, ${lineNumber(point[3], percent)}]` : "";
      lineNode("title", {}, dot, `${line.name}: ${lineNumber(point[1], percent)}${range} at ${lineNumber(point[0])}`);
    }
  });

  const legend = document.createElement("ul");
  legend.className = "lines-legend";
  series.forEach((line, place) => {
    const entry = document.createElement("li");
    const swatch = document.createElementNS(LINES_SVG, "svg");
    for (const [key, value] of Object.entries({ width: 26, height: 10, "aria-hidden": "true",
      class: `lines-line is-${line.kind} lines-${colour(line, place)}` })) swatch.setAttribute(key, value);
    lineNode("line", { x1: 1, x2: 25, y1: 5, y2: 5, class: "lines-path" }, swatch);
    entry.append(swatch, line.name);
    legend.append(entry);
  });
  host.replaceChildren(plot, legend);
}

// Runs keep their colour in every plot: their kind is their place. Ours is first, chance has no colour.
function colour(line, place) {
  if (/^\d+$/.test(line.kind)) return `c${Number(line.kind) % 8}`;
  return line.kind === "chance" ? "none" : `c${place % 8}`;
}

function drawAllLines() {
  for (const host of document.querySelectorAll("[data-lines]")) {
    const figure = JSON.parse(document.getElementById(host.dataset.lines).textContent);
    const chosen = host.dataset.part === undefined ? figure : { ...figure[Number(host.dataset.part)], x: host.dataset.x };
    const data = Array.isArray(chosen) ? { series: chosen, x: host.dataset.x } : chosen;
    const percent = data.percent === undefined ? host.dataset.percent !== undefined : data.percent;
    if (data.series.length) drawLines(host, { ...data, percent });
  }
}

// A list of figures beside a plot: the plot's data hold one part an option, in that order, with words about each.
for (const choice of document.querySelectorAll("[data-lines-choice]")) {
  const host = document.getElementById(choice.dataset.linesChoice);
  const told = document.querySelector(`[data-lines-told="${host.id}"]`);
  const choose = () => {
    host.dataset.part = String(choice.selectedIndex);
    const part = JSON.parse(document.getElementById(host.dataset.lines).textContent)[choice.selectedIndex];
    host.dataset.title = `${part.name} against ${host.dataset.x}`;
    if (told) told.textContent = part.told;
    drawAllLines();
  };
  choice.addEventListener("change", choose);
  choose(); // a browser that goes back keeps what was chosen
}
drawAllLines();
let drawnWidth = window.innerWidth;
window.addEventListener("resize", () => {
  if (window.innerWidth === drawnWidth) return;
  drawnWidth = window.innerWidth;
  drawAllLines();
});
