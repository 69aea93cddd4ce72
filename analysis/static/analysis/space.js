// Maps of a space on a canvas: thousands of points at once, faces under the pointer, neighbours of the one chosen.
// Works by pointer, touch and keyboard. Nothing is fetched but contact sheets of the same report.
"use strict";
(() => {
  const holder = document.getElementById("space-data");
  if (!holder) return;
  const known = JSON.parse(holder.textContent);
  const SHAPES = ["circle", "square", "diamond", "triangle"];
  const N_COLOURS = 10;
  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue("--plot-" + name).trim();

  // Contact sheets: parsed and decoded when the first face is asked for, one sheet at a time.
  const sheets = (() => {
    let all = null;
    const images = new Map();
    function description() {
      if (all === null) {
        const place = document.getElementById("sheets-data");
        all = place ? JSON.parse(place.textContent) : {};
      }
      return all;
    }
    // Draws the face of point k into a context once its sheet is there; then() where that takes a while.
    function paint(context, k, x, y, size, then) {
      const of = description();
      const at = of.place ? of.place[k] : -1;
      if (at === undefined || at < 0) return false;
      const number = Math.floor(at / of.n_each);
      let image = images.get(number);
      if (!image) {
        image = new Image();
        image.waiting = [];
        image.addEventListener("load", () => { image.waiting.splice(0).forEach((go) => go()); });
        image.src = of.sheets[number];
        images.set(number, image);
      }
      if (!image.complete || !image.naturalWidth) {
        if (then) image.waiting.push(then);
        return false;
      }
      const tile = at % of.n_each;
      context.drawImage(image, (tile % of.columns) * of.pixels, Math.floor(tile / of.columns) * of.pixels,
        of.pixels, of.pixels, x, y, size, size);
      return true;
    }
    function has(k) { const of = description(); return Boolean(of.place && of.place[k] >= 0); }
    return { paint, has, any: Boolean(document.getElementById("sheets-data")) };
  })();

  function mixed(from, to, share) {
    const parts = (text) => {
      const hex = text.replace("#", "");
      return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
    };
    const [a, b] = [parts(from), parts(to)];
    return "rgb(" + a.map((value, i) => Math.round(value + (b[i] - value) * share)).join(",") + ")";
  }

  function outline(context, shape, x, y, r) {
    if (shape === "circle") { context.moveTo(x + r, y); context.arc(x, y, r, 0, 2 * Math.PI); return; }
    const s = r * 0.9;
    if (shape === "square") { context.rect(x - s, y - s, 2 * s, 2 * s); return; }
    const corners = shape === "diamond" ? [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]]
      : [[0, -1.2], [1.15, 0.9], [-1.15, 0.9]];
    corners.forEach(([dx, dy], i) => context[i ? "lineTo" : "moveTo"](x + dx * r, y + dy * r));
    context.closePath();
  }

  class SpaceView {
    constructor(root) {
      this.root = root;
      this.data = known[root.dataset.space];
      this.canvas = root.querySelector("canvas");
      this.context = this.canvas.getContext("2d");
      this.find = (name) => root.querySelector("[data-part=" + name + "]");
      this.angles = [0.5, 0.35];
      this.home();
      this.chosen = this.over = -1;
      this.alone = null;
      this.fill();
      this.listen();
      this.pick();
    }

    home() { this.zoom = 1; this.pan = [0, 0]; }

    fill() {
      const methods = [...new Set(this.data.maps.map((map) => map.method))];
      const option = (text, value) => {
        const made = document.createElement("option");
        made.textContent = text; made.value = value;
        return made;
      };
      this.find("method").replaceChildren(...methods.map((name) => option(name, name)));
      this.find("colour")?.replaceChildren(...this.data.colours.map((colour, i) => option(colour.name, i)));
      const faces = this.find("faces");
      if (faces) faces.closest("label").hidden = !sheets.any || !this.data.pictured;
    }

    listen() {
      const part = (name, kind, then) => this.find(name)?.addEventListener(kind, then);
      part("method", "change", () => { this.home(); this.pick(); });
      part("dims", "change", () => { this.home(); this.pick(); });
      part("colour", "change", () => { this.alone = null; this.pick(); });
      part("faces", "change", () => this.draw());
      part("closer", "click", () => { this.zoom = Math.min(20, this.zoom * 1.4); this.draw(); });
      part("wider", "click", () => { this.zoom = Math.max(0.5, this.zoom / 1.4); this.draw(); });
      part("whole", "click", () => { this.home(); this.draw(); });
      part("svg", "click", () => save(this.name() + ".svg", new Blob([this.svg()], { type: "image/svg+xml" })));
      part("csv", "click", () => save(this.name() + ".csv", new Blob([this.csv()], { type: "text/csv" })));
      part("png", "click", () => this.png().toBlob((blob) => save(this.name() + ".png", blob), "image/png"));
      new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement);
      const at = (event) => {
        const box = this.canvas.getBoundingClientRect();
        return this.nearestTo(event.clientX - box.left, event.clientY - box.top, event.pointerType === "mouse" ? 9 : 22);
      };
      let drag = null;
      this.canvas.addEventListener("pointerdown", (event) => {
        drag = { x: event.clientX, y: event.clientY, moved: false, id: event.pointerId };
        if (event.pointerType === "mouse") this.canvas.setPointerCapture(event.pointerId);
      });
      this.canvas.addEventListener("pointermove", (event) => {
        if (drag && drag.id === event.pointerId && (event.buttons || event.pointerType !== "mouse")) {
          const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
          if (!drag.moved && Math.hypot(dx, dy) < 4) return;
          drag.moved = true; drag.x = event.clientX; drag.y = event.clientY;
          if (this.map.n_dims === 3) { this.angles[0] += dx * 0.008; this.angles[1] += dy * 0.008; }
          else { this.pan[0] += dx; this.pan[1] += dy; }
          this.hover(-1);
          this.later();
          return;
        }
        if (event.pointerType === "mouse") this.hover(at(event), event);
      });
      this.canvas.addEventListener("pointerup", (event) => {
        const wasMoved = drag && drag.moved;
        drag = null;
        if (!wasMoved) this.choose(at(event));
      });
      this.canvas.addEventListener("pointercancel", () => { drag = null; });
      this.canvas.addEventListener("pointerleave", () => this.hover(-1));
      window.addEventListener("scroll", () => this.hover(-1), { passive: true });
      this.canvas.addEventListener("keydown", (event) => this.key(event));
    }

    key(event) {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (step && event.shiftKey && this.map.n_dims === 3) {
        this.angles[0] += step[0] * 0.15; this.angles[1] += step[1] * 0.15; this.draw();
      } else if (step) this.walk(step);
      else if (event.key === "Escape") this.choose(-1);
      else if (event.key === "Enter" || event.key === " ") this.choose(this.chosen < 0 ? this.central() : this.chosen);
      else if (event.key === "+" || event.key === "=") this.find("closer").click();
      else if (event.key === "-") this.find("wider").click();
      else if (event.key === "0") this.find("whole").click();
      else return;
      event.preventDefault();
    }

    // The next point in a direction: near, and not far off the line.
    walk([dx, dy]) {
      if (this.chosen < 0) { this.choose(this.central()); return; }
      const [x, y] = [this.xs[this.chosen], this.ys[this.chosen]];
      let best = -1, least = Infinity;
      for (let k = 0; k < this.xs.length; k++) {
        if (!this.shows(k)) continue;
        const along = (this.xs[k] - x) * dx + (this.ys[k] - y) * dy;
        const aside = Math.abs((this.xs[k] - x) * dy) + Math.abs((this.ys[k] - y) * dx);
        if (along <= 0.5) continue;
        const far = along + 2.5 * aside;
        if (far < least) { least = far; best = k; }
      }
      if (best >= 0) this.choose(best);
    }

    central() { return this.nearestTo(this.width / 2, this.height / 2, Infinity); }

    pick() {
      const method = this.find("method").value;
      const wanted = this.find("dims").value === "3" ? 3 : 2;
      this.map = this.data.maps.find((map) => map.method === method && map.n_dims === wanted) || this.data.maps[0];
      this.colour = this.data.colours[Number(this.find("colour")?.value) || 0] || null;
      const { method: name, n_dims: n, settings, trustworthiness: trust, explained } = this.map;
      const parts = [name + " in " + n + " dimensions, " + settings + "."];
      if (explained) parts.push("The axes hold " + Math.round(100 * explained.reduce((a, b) => a + b, 0)) + " % of the variance.");
      parts.push(trust === null ? "Too few points to state how far neighbours can be trusted."
        : "Trustworthiness " + trust.toFixed(3) + " (1: who is near here is near in the space; about .5: chance).");
      this.find("trust").textContent = parts.join(" ");
      const points = this.map.points;
      this.centre = [0, 1, 2].map((axis) => {
        if (axis >= n) return 0;
        let low = Infinity, high = -Infinity;
        for (const point of points) { low = Math.min(low, point[axis]); high = Math.max(high, point[axis]); }
        return (low + high) / 2;
      });
      this.radius = Math.max(1e-9, ...points.map((p) => Math.hypot(...p.map((v, axis) => v - this.centre[axis]))));
      this.spans = [0, 1].map((axis) => Math.max(1e-9, ...points.map((p) => Math.abs(p[axis] - this.centre[axis]))));
      this.legend();
      this.resize();
    }

    legend() {
      const place = this.find("legend");
      if (!place) return;
      const entries = [];
      const colour = this.colour;
      if (colour && colour.kind === "category" && colour.names.length <= 24) {
        colour.names.forEach((name, i) => {
          const button = document.createElement("button");
          button.type = "button";
          button.setAttribute("aria-pressed", String(this.alone === i));
          const mark = document.createElement("canvas");
          mark.width = mark.height = 24;
          mark.setAttribute("aria-hidden", "true");
          const context = mark.getContext("2d");
          context.fillStyle = this.categoryColour(i);
          context.beginPath();
          outline(context, SHAPES[i % SHAPES.length], 12, 12, 8);
          context.fill();
          button.append(mark, name);
          button.addEventListener("click", () => { this.alone = this.alone === i ? null : i; this.legend(); this.draw(); });
          entries.push(button);
        });
      } else if (colour && colour.kind === "number") {
        const values = colour.values.filter((v) => v !== null);
        const bar = document.createElement("canvas");
        bar.width = 240; bar.height = 16; bar.className = "ramp";
        const context = bar.getContext("2d");
        for (let x = 0; x < 240; x++) { context.fillStyle = mixed(ink("from"), ink("to"), x / 239); context.fillRect(x, 0, 1, 16); }
        const word = (value) => { const made = document.createElement("span"); made.textContent = Number(value.toPrecision(3)); return made; };
        entries.push(word(Math.min(...values)), bar, word(Math.max(...values)));
      } else if (colour) {
        const made = document.createElement("span");
        made.textContent = colour.names.length + " values; colours and shapes repeat.";
        entries.push(made);
      }
      place.replaceChildren(...entries);
    }

    categoryColour(i) { return ink("class" + (i % N_COLOURS)); }

    resize() {
      const box = this.canvas.parentElement.getBoundingClientRect();
      if (!box.width) return;
      const ratio = Math.min(2, window.devicePixelRatio || 1);
      this.width = box.width;
      this.height = this.data.named ? Math.min(520, Math.max(320, box.width * 0.62)) : Math.min(620, Math.max(330, box.width * 0.68));
      this.canvas.width = Math.round(this.width * ratio);
      this.canvas.height = Math.round(this.height * ratio);
      this.ratio = ratio;
      this.draw();
    }

    later() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => { this.waiting = false; this.draw(); });
    }

    // Screen places of every point: xs, ys, and depth in -1..1 (1 near).
    place() {
      const points = this.map.points, n = points.length;
      if (!this.xs || this.xs.length !== n) {
        this.xs = new Float32Array(n); this.ys = new Float32Array(n); this.depth = new Float32Array(n);
      }
      const margin = this.data.named ? 60 : 18;
      const [cx, cy] = [this.width / 2 + this.pan[0], this.height / 2 + this.pan[1]];
      if (this.map.n_dims === 2) {
        const scale = this.zoom * Math.min((this.width / 2 - margin) / this.spans[0], (this.height / 2 - margin) / this.spans[1]);
        for (let k = 0; k < n; k++) {
          this.xs[k] = cx + (points[k][0] - this.centre[0]) * scale;
          this.ys[k] = cy - (points[k][1] - this.centre[1]) * scale;
          this.depth[k] = 0;
        }
        return;
      }
      const [ca, sa, cb, sb] = [Math.cos(this.angles[0]), Math.sin(this.angles[0]), Math.cos(this.angles[1]), Math.sin(this.angles[1])];
      const scale = (this.zoom * (Math.min(this.width, this.height) / 2 - margin)) / this.radius;
      for (let k = 0; k < n; k++) {
        const x = points[k][0] - this.centre[0], y = points[k][1] - this.centre[1], z = points[k][2] - this.centre[2];
        const right = x * ca + z * sa, back = z * ca - x * sa;
        const up = y * cb - back * sb, away = back * cb + y * sb;
        const near = 1 / (1 + 0.22 * (away / this.radius));
        this.xs[k] = cx + right * scale * near;
        this.ys[k] = cy - up * scale * near;
        this.depth[k] = -away / this.radius;
      }
    }

    shows(k) { return this.alone === null || !this.colour || this.colour.codes[k] === this.alone; }

    draw() {
      if (!this.width) return;
      this.place();
      const context = this.context;
      context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      context.clearRect(0, 0, this.width, this.height);
      this.points(context);
      if (this.find("faces")?.checked) this.faces(context);
      if (this.data.named) this.words(context);
      this.marks(context);
      this.canvas.dataset.drawn = this.map.id;
    }

    // Points of one look (colour, shape, depth) are one path: a frame is a few dozen calls.
    points(context) {
      const n = this.xs.length, looks = new Map(), colour = this.colour;
      const size = (n > 1500 ? 3 : 4.2) * Math.min(1.6, Math.sqrt(this.zoom)) * (this.width < 500 ? 0.85 : 1);
      let low = 0, span = 1;
      if (colour && colour.kind === "number") {
        const values = colour.values.filter((v) => v !== null);
        low = Math.min(...values); span = Math.max(...values) - low || 1;
      }
      const unknown = ink("faint"), plain = ink("accent"), [from, to] = [ink("from"), ink("to")];
      const named = colour && colour.kind === "category" ? colour.names.map((_, i) => this.categoryColour(i)) : [];
      for (let k = 0; k < n; k++) {
        let fill = plain, shape = "circle";
        if (colour && colour.kind === "category") {
          const code = colour.codes[k];
          fill = code < 0 ? unknown : named[code];
          shape = code < 0 ? "circle" : SHAPES[code % SHAPES.length];
        } else if (colour) {
          const value = colour.values[k];
          fill = value === null ? unknown : mixed(from, to, Math.round(((value - low) / span) * 24) / 24);
        }
        const layer = this.map.n_dims === 3 ? Math.round((this.depth[k] + 1) * 3) : 3;
        const faded = this.shows(k) ? "" : "x";
        const key = faded ? "x" : layer + "|" + fill + "|" + shape;
        if (!looks.has(key)) looks.set(key, { fill, shape, layer: faded ? -1 : layer, faded, rows: [] });
        looks.get(key).rows.push(k);
      }
      const ordered = [...looks.values()].sort((a, b) => a.layer - b.layer);
      for (const look of ordered) {
        context.beginPath();
        const r = size * (this.map.n_dims === 3 ? 0.72 + 0.1 * Math.max(0, look.layer) : 1);
        for (const k of look.rows) outline(context, look.faded ? "circle" : look.shape, this.xs[k], this.ys[k], look.faded ? r * 0.6 : r);
        context.globalAlpha = look.faded ? 0.25 : this.map.n_dims === 3 ? Math.min(1, 0.45 + 0.1 * look.layer) : 0.85;
        context.fillStyle = look.faded ? unknown : look.fill;
        context.fill();
      }
      context.globalAlpha = 1;
    }

    // Faces where there is room for them, those in front first.
    faces(context) {
      const size = this.width < 500 ? 34 : 44, taken = new Set();
      const rows = [...this.xs.keys()].filter((k) => this.shows(k) && sheets.has(k));
      if (this.map.n_dims === 3) rows.sort((a, b) => this.depth[b] - this.depth[a]);
      for (const k of rows) {
        const [x, y] = [this.xs[k], this.ys[k]];
        if (x < 0 || y < 0 || x > this.width || y > this.height) continue;
        const [column, line] = [Math.round(x / (size + 3)), Math.round(y / (size + 3))];
        const key = column + "," + line;
        if (taken.has(key)) continue;
        taken.add(key);
        const left = Math.max(1, Math.min(column * (size + 3) - size / 2, this.width - size - 1));
        const top = Math.max(1, Math.min(line * (size + 3) - size / 2, this.height - size - 1));
        if (sheets.paint(context, k, left, top, size, () => this.later())) {
          const code = this.colour && this.colour.kind === "category" ? this.colour.codes[k] : -1;
          context.strokeStyle = code >= 0 ? this.categoryColour(code) : ink("grid");
          context.lineWidth = 2;
          context.strokeRect(left, top, size, size);
        }
      }
    }

    // Names beside their points, those that would lie over another left out.
    words(context) {
      context.font = (this.width < 500 ? 11 : 12.5) + "px " + ink("font");
      context.fillStyle = ink("ink");
      context.textBaseline = "middle";
      const taken = [];
      for (let k = 0; k < this.xs.length; k++) {
        const text = this.data.captions[k], wide = context.measureText(text).width;
        const right = this.xs[k] + 8 + wide < this.width;
        const box = [right ? this.xs[k] + 8 : this.xs[k] - 8 - wide, this.ys[k] - 8, wide, 16];
        if (taken.some((o) => box[0] < o[0] + o[2] && o[0] < box[0] + box[2] && box[1] < o[1] + o[3] && o[1] < box[1] + box[3])) continue;
        taken.push(box);
        context.fillText(text, box[0], this.ys[k]);
      }
    }

    marks(context) {
      if (this.chosen >= 0) {
        const [x, y] = [this.xs[this.chosen], this.ys[this.chosen]];
        context.strokeStyle = ink("ink");
        context.lineWidth = 1;
        context.beginPath();
        for (const k of this.data.neighbours[this.chosen] || []) { context.moveTo(x, y); context.lineTo(this.xs[k], this.ys[k]); }
        context.globalAlpha = 0.45;
        context.stroke();
        context.globalAlpha = 1;
        context.lineWidth = 2;
        context.beginPath();
        context.arc(x, y, 9, 0, 2 * Math.PI);
        context.stroke();
      }
      if (this.over >= 0 && this.over !== this.chosen) {
        context.strokeStyle = ink("ink");
        context.lineWidth = 1.4;
        context.beginPath();
        context.arc(this.xs[this.over], this.ys[this.over], 7, 0, 2 * Math.PI);
        context.stroke();
      }
    }

    nearestTo(x, y, within) {
      let best = -1, least = within * within;
      for (let k = 0; k < this.xs.length; k++) {
        const far = (this.xs[k] - x) ** 2 + (this.ys[k] - y) ** 2;
        if (far < least && this.shows(k)) { least = far; best = k; }
      }
      return best;
    }

    hover(k, event) {
      const card = document.getElementById("card");
      this.canvas.style.cursor = k >= 0 ? "pointer" : "";
      if (k !== this.over) { this.over = k; this.later(); }
      if (k < 0 || !event) { card.hidden = true; return; }
      const face = card.querySelector("canvas");
      face.hidden = !sheets.has(k) || !this.data.pictured;
      const show = () => { if (this.over === k) sheets.paint(face.getContext("2d"), k, 0, 0, face.width, show); };
      if (!face.hidden) show();
      card.querySelector("p").textContent = this.data.captions[k];
      card.hidden = false;
      const box = card.getBoundingClientRect();
      card.style.left = Math.max(8, Math.min(event.clientX + 18, document.documentElement.clientWidth - box.width - 8)) + "px";
      const above = event.clientY - box.height - 14;
      card.style.top = (above > 8 ? above : event.clientY + 18) + "px";
    }

    choose(k) {
      this.chosen = k;
      const place = this.find("near");
      if (place) {
        place.hidden = k < 0;
        if (k >= 0) {
          const near = this.data.neighbours[k] || [];
          const said = document.createElement("p");
          said.textContent = "Nearest to " + this.data.captions[k].replaceAll("\n", ", ") + ":";
          const list = document.createElement("div");
          list.className = "near-list";
          list.append(this.tile(k, true), ...near.map((other) => this.tile(other, false)));
          place.replaceChildren(said, list);
        }
      }
      this.draw();
    }

    tile(k, isChosen) {
      const made = document.createElement(isChosen ? "div" : "button");
      if (!isChosen) { made.type = "button"; made.addEventListener("click", () => { this.choose(k); this.canvas.focus({ preventScroll: true }); }); }
      made.className = "near-one" + (isChosen ? " is-chosen" : "");
      if (sheets.has(k) && this.data.pictured) {
        const face = document.createElement("canvas");
        face.width = face.height = 96;
        const show = () => sheets.paint(face.getContext("2d"), k, 0, 0, 96, show);
        show();
        face.setAttribute("aria-hidden", "true");
        made.append(face);
      }
      const words = document.createElement("span");
      words.textContent = this.data.captions[k];
      made.append(words);
      return made;
    }

    // Files -------------------------------------------------------------------------------------------------

    name() { return this.root.dataset.space + "-" + this.map.id; }

    png() {
      const copy = document.createElement("canvas");
      copy.width = this.canvas.width; copy.height = this.canvas.height;
      const context = copy.getContext("2d");
      context.fillStyle = ink("paper");
      context.fillRect(0, 0, copy.width, copy.height);
      context.drawImage(this.canvas, 0, 0);
      return copy;
    }

    svg() {
      const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => "&#" + c.charCodeAt(0) + ";");
      const calls = [];
      let path = "";
      const round = (v) => Math.round(v * 100) / 100;
      const pen = {
        beginPath() { path = ""; },
        moveTo(x, y) { path += "M" + round(x) + " " + round(y); },
        lineTo(x, y) { path += "L" + round(x) + " " + round(y); },
        closePath() { path += "Z"; },
        rect(x, y, w, h) { path += "M" + round(x) + " " + round(y) + "h" + round(w) + "v" + round(h) + "h" + round(-w) + "Z"; },
        arc(x, y, r) { path += "M" + round(x + r) + " " + round(y) + "a" + round(r) + " " + round(r) + " 0 1 0 " + round(-2 * r) + " 0a" + round(r) + " " + round(r) + " 0 1 0 " + round(2 * r) + " 0Z"; },
        fill() { calls.push('<path d="' + path + '" fill="' + this.fillStyle + '" fill-opacity="' + this.globalAlpha + '"/>'); },
        stroke() { calls.push('<path d="' + path + '" fill="none" stroke="' + this.strokeStyle + '" stroke-width="' + this.lineWidth + '" stroke-opacity="' + this.globalAlpha + '"/>'); },
        measureText: (text) => { this.context.font = pen.font; return this.context.measureText(text); },
        fillText(text, x, y) { calls.push('<text x="' + round(x) + '" y="' + round(y + 4) + '" fill="' + this.fillStyle + '">' + escaped(text) + "</text>"); },
        globalAlpha: 1,
      };
      this.points(pen);
      if (this.data.named) this.words(pen);
      return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ' + round(this.width) + " " + round(this.height) +
        '" font-family="sans-serif" font-size="12"><title>' + escaped(this.find("trust").textContent) +
        '</title><rect width="100%" height="100%" fill="' + ink("paper") + '"/>' + calls.join("") + "</svg>";
    }

    csv() {
      const quoted = (value) => (/[",\n]/.test(String(value)) ? '"' + String(value).replaceAll('"', '""') + '"' : String(value ?? ""));
      const axes = ["x", "y", "z"].slice(0, this.map.n_dims);
      const rows = [["name", ...axes, ...this.data.colours.map((colour) => colour.name)]];
      this.map.points.forEach((point, k) => rows.push([this.data.keys[k], ...point,
        ...this.data.colours.map((c) => (c.kind === "category" ? (c.codes[k] < 0 ? "" : c.names[c.codes[k]]) : c.values[k]))]));
      return rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
    }
  }

  function save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const views = [...document.querySelectorAll("[data-space]")].map((root) => (root.view = new SpaceView(root)));
  const again = () => views.forEach((view) => { view.legend(); view.draw(); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  document.addEventListener("semblance:theme", again);
})();
