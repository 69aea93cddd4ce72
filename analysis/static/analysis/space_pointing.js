// A map of a space under pointer, finger and keyboard: turned, moved, asked who is near. Methods of SpaceView (space.js).
"use strict";
(() => {
  const { save } = semblance.files;
  const sheets = semblance.sheets;

  semblance.spacePointing = {
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
    },

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
    },

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
    },

    central() { return this.nearestTo(this.width / 2, this.height / 2, Infinity); },

    nearestTo(x, y, within) {
      let best = -1, least = within * within;
      for (let k = 0; k < this.xs.length; k++) {
        const far = (this.xs[k] - x) ** 2 + (this.ys[k] - y) ** 2;
        if (far < least && this.shows(k)) { least = far; best = k; }
      }
      return best;
    },

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
    },

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
    },

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
    },
  };
})();
