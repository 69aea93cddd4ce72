// Colours of the page and the shapes of points, for whatever draws on a canvas. `semblance.inks`.
"use strict";
(() => {
  const semblance = (window.semblance ??= {});
  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue("--plot-" + name).trim();

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

  semblance.inks = { ink, mixed, outline, SHAPES: ["circle", "square", "diamond", "triangle"], N_COLOURS: 10 };
})();
