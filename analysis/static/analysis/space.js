// Maps of a space on a canvas: thousands of points at once, faces under the pointer, neighbours of the one chosen.
// Works by pointer, touch and keyboard. Nothing is fetched but contact sheets of the same report. What a map draws,
// answers and saves is in space_drawing.js, space_pointing.js and space_files.js, which come before this file.
"use strict";
(() => {
  const holder = document.getElementById("space-data");
  if (!holder) return;
  const known = JSON.parse(holder.textContent);
  const { ink, mixed, outline, SHAPES, N_COLOURS } = semblance.inks;
  const sheets = semblance.sheets;

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
  }
  Object.assign(SpaceView.prototype, semblance.spaceDrawing, semblance.spacePointing, semblance.spaceFiles);

  const views = [...document.querySelectorAll("[data-space]")].map((root) => (root.view = new SpaceView(root)));
  const again = () => views.forEach((view) => { view.legend(); view.draw(); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  document.addEventListener("semblance:theme", again);
})();
