// Two sliders and a face: the decoder of the report, multiplied out in the browser at every move.
"use strict";
(() => {
  const root = document.getElementById("explorer-view");
  if (!root) return;
  const packed = JSON.parse(document.getElementById("decoder-data").textContent);

  function view(text) {
    const bytes = atob(text), made = new Uint8Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) made[i] = bytes.charCodeAt(i);
    return new DataView(made.buffer);
  }

  // Rows of 16-bit integers, each times its own scale.
  function floats(packed) {
    const scales = view(packed.scale), numbers = view(packed.int16);
    const values = new Float32Array(numbers.byteLength / 2), width = values.length / (scales.byteLength / 4) || 1;
    for (let i = 0; i < values.length; i++) {
      values[i] = numbers.getInt16(2 * i, true) * scales.getFloat32(4 * Math.floor(i / width), true);
    }
    return values;
  }

  const layers = packed.layers.map((layer) => ({ ...layer, weight: floats(layer.weight), bias: floats(layer.bias),
    out: new Float32Array(layer.n_out) }));
  const neutrals = packed.neutrals.map(() => null);

  function neutral(at) {
    const of = packed.neutrals[at];
    return (neutrals[at] ??= { start: floats(of.start), base: floats(of.base) });
  }

  // ELU between dense layers; the first has its bias in the neutral face. Returns x, y of every point.
  function decode(z, at) {
    const face = neutral(at);
    let input = z;
    layers.forEach((layer, number) => {
      const { weight, n_in, n_out, out } = layer;
      const bias = number ? layer.bias : face.start;
      const isLast = number === layers.length - 1;
      for (let row = 0, k = 0; row < n_out; row++) {
        let sum = bias[row];
        for (let column = 0; column < n_in; column++, k++) sum += weight[k] * input[column];
        out[row] = isLast || sum > 0 ? sum : Math.expm1(sum);
      }
      input = out;
    });
    const points = new Float32Array(input.length);
    for (let i = 0; i < points.length; i++) points[i] = input[i] + face.base[i];
    return points;
  }

  const dot = packed.frame[2] * 0.006;
  function drawn(points) {
    const place = (k) => points[2 * k].toFixed(3) + "," + points[2 * k + 1].toFixed(3);
    if (!packed.lines.length) {
      let path = "";
      for (let k = 0; k < points.length / 2; k++) path += "M" + place(k) + "h" + dot.toFixed(3);
      return path;
    }
    return packed.lines.map((line) => {
      const isClosed = line.length > 2 && line[0] === line[line.length - 1];
      const corners = isClosed ? line.slice(0, -1) : line;
      return "M" + corners.map(place).join(" ") + (isClosed ? "Z" : "");
    }).join("");
  }

  const part = (name) => root.querySelector("[data-part=" + name + "]");
  const [first, second, person] = [part("first"), part("second"), part("neutral")];
  const [across, down] = [part("across"), part("down")];
  const face = part("face"), pad = part("pad"), knob = part("knob"), said = part("said"), grid = part("grid");
  const SVG = "http://www.w3.org/2000/svg";
  const REACH = packed.reach, N_STEPS = 5;

  function option(text, value) {
    const made = document.createElement("option");
    made.textContent = text; made.value = value;
    return made;
  }
  const ordered = packed.order;
  first.replaceChildren(...ordered.map((k, i) => option("dimension " + k + (i ? "" : ", most active"), k)));
  second.replaceChildren(...ordered.map((k) => option("dimension " + k, k)));
  first.value = ordered[0]; second.value = ordered[Math.min(1, ordered.length - 1)];
  person.replaceChildren(...packed.neutrals.map((of, i) => option((of.subject || "the average face") + (i || !of.subject ? "" : " (typical)"), i)));
  person.closest("label").hidden = packed.neutrals.length < 2;

  const z = new Float32Array(packed.n_latent);
  function at(x, y) {
    z.fill(0);
    z[second.value] = y;
    z[first.value] = x;
    return decode(z, Number(person.value));
  }

  function show() {
    const [x, y] = [Number(across.value), Number(down.value)];
    face.setAttribute("d", drawn(at(x, y)));
    knob.setAttribute("cx", x); knob.setAttribute("cy", y);
    part("across-value").textContent = x.toFixed(2).replace("-", "\u2212");
    part("down-value").textContent = y.toFixed(2).replace("-", "\u2212");
    across.setAttribute("aria-valuetext", "dimension " + first.value + " at " + x.toFixed(2));
    down.setAttribute("aria-valuetext", "dimension " + second.value + " at " + y.toFixed(2));
  }

  // The walk below: the same two dimensions from -5 to 5 on the same neutral face.
  const paths = [];
  grid.replaceChildren();
  for (let i = 0; i < N_STEPS * N_STEPS; i++) {
    const cell = document.createElement("button"), svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    const value = (k) => -REACH + (2 * REACH * k) / (N_STEPS - 1);
    const [x, y] = [value(i % N_STEPS), value(Math.floor(i / N_STEPS))];
    cell.type = "button";
    cell.className = "cell" + (x === 0 && y === 0 ? " centre" : "");
    cell.setAttribute("aria-label", "go to " + x + ", " + y);
    cell.addEventListener("click", () => { across.value = x; down.value = y; show(); });
    svg.setAttribute("viewBox", packed.frame.join(" "));
    svg.setAttribute("class", "face plain");
    svg.setAttribute("aria-hidden", "true");
    svg.append(path); cell.append(svg); grid.append(cell);
    paths.push({ path, x, y });
  }

  function walk() {
    for (const { path, x, y } of paths) path.setAttribute("d", drawn(at(x, y)));
    part("walk-across").textContent = "\u2192 dimension " + first.value;
    part("walk-down").textContent = "\u2193 dimension " + second.value;
    show();
  }

  for (const slider of [across, down]) slider.addEventListener("input", show);
  for (const choice of [first, second, person]) choice.addEventListener("change", walk);
  part("reset").addEventListener("click", () => { across.value = down.value = 0; show(); said.textContent = "Both at zero."; });

  let isHeld = false;
  function move(event) {
    const box = pad.getBoundingClientRect();
    const share = (value, start, length) => Math.max(-1, Math.min(1, (2 * (value - start)) / length - 1));
    across.value = REACH * share(event.clientX, box.left, box.width);
    down.value = REACH * share(event.clientY, box.top, box.height);
    show();
  }
  pad.addEventListener("pointerdown", (event) => { isHeld = true; pad.setPointerCapture(event.pointerId); move(event); event.preventDefault(); });
  pad.addEventListener("pointermove", (event) => { if (isHeld) move(event); });
  for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => { isHeld = false; });

  walk();
  root.dataset.drawn = "yes";
  root.decode = (values, number) => [...decode(Float32Array.from(values), number)];
})();
