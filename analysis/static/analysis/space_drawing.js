// What a map of a space draws: points, faces, names, the one that is chosen. Methods of SpaceView (space.js).
"use strict";
(() => {
  const { ink, mixed, outline, SHAPES } = semblance.inks;
  const sheets = semblance.sheets;

  semblance.spaceDrawing = {
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
    },

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
    },

    // Names on the free side of their points, those that would lie over another left out.
    words(context) {
      context.font = (this.width < 500 ? 11 : 12.5) + "px " + ink("font");
      context.fillStyle = ink("ink");
      context.textBaseline = "middle";
      const taken = [];
      for (let k = 0; k < this.xs.length; k++) {
        const text = this.data.captions[k], wide = context.measureText(text).width;
        const lies = (box) => taken.some((o) => box[0] < o[0] + o[2] && o[0] < box[0] + box[2] && box[1] < o[1] + o[3] && o[1] < box[1] + box[3]);
        const box = [this.xs[k] + 8, this.xs[k] - 8 - wide].map((left) => [left, this.ys[k] - 8, wide, 16])
          .find((one) => one[0] > 1 && one[0] + wide < this.width - 2 && !lies(one));
        if (!box) continue;
        taken.push(box);
        context.fillText(text, box[0], this.ys[k]);
      }
    },

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
    },
  };
})();
