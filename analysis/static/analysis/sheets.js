// Contact sheets: faces as tiles of a few pictures, decoded when the first of a sheet is asked for. `semblance.sheets`.
"use strict";
(() => {
  const semblance = (window.semblance ??= {});

  semblance.sheets = (() => {
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
})();
