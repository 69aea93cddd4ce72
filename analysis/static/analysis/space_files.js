// A map of a space as SVG, PNG and CSV. Methods of SpaceView (space.js), and `semblance.files.save`.
"use strict";
(() => {
  const { ink } = semblance.inks;

  function save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  semblance.files = { save };
  semblance.spaceFiles = {
    name() { return this.root.dataset.space + "-" + this.map.id; },

    png() {
      const copy = document.createElement("canvas");
      copy.width = this.canvas.width; copy.height = this.canvas.height;
      const context = copy.getContext("2d");
      context.fillStyle = ink("paper");
      context.fillRect(0, 0, copy.width, copy.height);
      context.drawImage(this.canvas, 0, 0);
      return copy;
    },

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
    },

    csv() {
      const quoted = (value) => (/[",\n]/.test(String(value)) ? '"' + String(value).replaceAll('"', '""') + '"' : String(value ?? ""));
      const axes = ["x", "y", "z"].slice(0, this.map.n_dims);
      const rows = [["name", ...axes, ...this.data.colours.map((colour) => colour.name)]];
      this.map.points.forEach((point, k) => rows.push([this.data.keys[k], ...point,
        ...this.data.colours.map((c) => (c.kind === "category" ? (c.codes[k] < 0 ? "" : c.names[c.codes[k]]) : c.values[k]))]));
      return rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
    },
  };
})();
