// What a report does in a browser: values under the pointer, figures and tables as files, paper.
// Figures stand in the page as SVG; plotly is loaded only for those that could not be drawn so. Nothing is fetched
// from anywhere else.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 40rem)");
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const style = getComputedStyle(document.documentElement);
  const card = document.getElementById("card");

  // Values under the pointer or finger -----------------------------------------------------------------------

  function tell(event) {
    const mark = event.target.closest?.(".drawn svg [data-said]");
    if (!mark) { if (event.target.closest?.(".drawn") || event.type !== "pointermove") card.hidden = true; return; }
    card.querySelector("canvas").hidden = true;
    card.querySelector("p").textContent = mark.dataset.said;
    card.hidden = false;
    const box = card.getBoundingClientRect();
    card.style.left = Math.max(8, Math.min(event.clientX + 14, document.documentElement.clientWidth - box.width - 8)) + "px";
    const above = event.clientY - box.height - 14;
    card.style.top = (above > 8 ? above : event.clientY + 18) + "px";
  }
  // A native tooltip would lie over ours.
  for (const title of document.querySelectorAll(".drawn svg :not(svg) > title")) {
    title.parentElement.dataset.said = title.textContent;
    title.remove();
  }
  document.addEventListener("pointermove", tell, { passive: true });
  document.addEventListener("pointerdown", tell, { passive: true });
  window.addEventListener("scroll", () => { card.hidden = true; }, { passive: true });

  // Files ----------------------------------------------------------------------------------------------------

  function save(name, content, kind) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function standing(place) {
    const svg = [...place.querySelectorAll(".drawn svg")].find((one) => getComputedStyle(one).display !== "none");
    const copy = svg.cloneNode(true), box = svg.viewBox.baseVal;
    copy.setAttribute("width", box.width); copy.setAttribute("height", box.height);
    copy.setAttribute("font-family", "sans-serif");
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    ground.setAttribute("width", "100%"); ground.setAttribute("height", "100%");
    ground.setAttribute("fill", "var(--plot-paper)");
    copy.prepend(ground);
    const from = [...copy.querySelectorAll("*")];
    for (const one of from) {
      for (const name of ["fill", "stroke"]) {
        const value = one.getAttribute(name) || "";
        if (value.includes("var(")) one.setAttribute(name, resolved(value));
      }
    }
    return { text: new XMLSerializer().serializeToString(copy), width: box.width, height: box.height };
  }

  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  function resolved(value) {
    probe.style.color = value;
    const found = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
    const scale = getComputedStyle(probe).color.startsWith("color(") ? 255 : 1;
    const rgb = found.slice(0, 3).map((part) => Math.round(part * scale)).join(",");
    return found.length > 3 ? "rgba(" + rgb + "," + found[3] + ")" : "rgb(" + rgb + ")";
  }

  const saving = {
    svg: (place, name) => save(name, standing(place).text, "image/svg+xml"),
    png: (place, name) => {
      const { text, width, height } = standing(place), image = new Image();
      const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
      image.addEventListener("load", () => {
        const canvas = document.createElement("canvas");
        canvas.width = 2 * width; canvas.height = 2 * height;
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        URL.revokeObjectURL(address);
        canvas.toBlob((blob) => save(name, blob), "image/png");
      });
      image.src = address;
    },
    csv: (place, name) => save(name, data.tables[place.dataset.figure], "text/csv"),
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-file]");
    if (!button) return;
    const place = button.closest("[data-figure]");
    saving[button.dataset.file](place, place.dataset.figure + "." + button.dataset.file);
  });

  const quoted = (text) => (/[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  function rows(table) {
    return [...table.rows].map((row) => [...row.cells].map((cell) => quoted(cell.textContent.replace(/\s+/g, " ").trim())).join(",")).join("\n") + "\n";
  }
  document.querySelectorAll(".scroll > table").forEach((table, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "file";
    button.textContent = "CSV";
    const name = table.dataset.table || (table.closest("section")?.id || "table") + "-" + (number + 1);
    button.setAttribute("aria-label", "This table as CSV, " + (table.caption?.textContent || name));
    button.addEventListener("click", () => save(name + ".csv", rows(table), "text/csv"));
    table.parentElement.after(button);
  });

  // A table that goes on beyond the edge is moved by the arrow keys, so it takes the focus.
  const regions = [...document.querySelectorAll(".scroll")];
  function reachable() {
    for (const region of regions) {
      const isWide = region.scrollWidth > region.clientWidth + 1;
      if (isWide) region.tabIndex = 0; else region.removeAttribute("tabindex");
    }
  }
  reachable();
  window.addEventListener("resize", reachable);
  document.addEventListener("toggle", reachable, true);

  // Figures that only plotly draws ---------------------------------------------------------------------------

  const places = [...document.querySelectorAll("[data-figure]")].filter((place) => data.figures[place.dataset.figure]);

  // "@accent" in a figure stands for the CSS variable --plot-accent.
  function coloured(value) {
    if (typeof value === "string") return value.startsWith("@") ? style.getPropertyValue("--plot-" + value.slice(1)).trim() : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item)]));
    }
    return value;
  }

  let loading = null;
  function plotly() {
    return (loading ??= new Promise((done, failed) => {
      const kept = document.getElementById("plotly-source"), script = document.createElement("script");
      if (kept.src || kept.dataset.src) {
        script.addEventListener("load", done);
        script.addEventListener("error", failed);
        script.src = kept.dataset.src;
      } else script.textContent = kept.textContent;
      document.head.append(script);
      if (!script.src) done();
    }));
  }

  async function draw(place) {
    await plotly();
    const known = data.figures[place.dataset.figure];
    const layout = coloured(known.layout);
    if (narrow.matches) { layout.font.size = 12; layout.margin = { ...layout.margin, l: 4, r: 4 }; }
    place.dataset.drawn = "yes";
    // plotly would offer to upload the plot to its own service: that button and its address are switched off.
    const config = { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false,
      showSendToCloud: false, plotlyServerURL: "" };
    await Plotly.react(place.querySelector(".drawn"), coloured(known.data), layout, config);
  }

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  places.forEach((place) => watcher.observe(place));
  function redraw() { places.filter((place) => place.dataset.drawn).forEach(draw); }
  dark.addEventListener("change", redraw);
  narrow.addEventListener("change", redraw);

  // Paper is light and holds every plot and table ------------------------------------------------------------

  let opened = [];
  window.addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((details) => { details.open = true; });
    document.dispatchEvent(new Event("semblance:theme"));
    places.forEach(draw);
  });
  window.addEventListener("afterprint", () => {
    delete document.documentElement.dataset.theme;
    opened.forEach((details) => { details.open = false; });
    document.dispatchEvent(new Event("semblance:theme"));
    redraw();
  });

  if (!still.matches) document.documentElement.classList.add("smooth");
})();
