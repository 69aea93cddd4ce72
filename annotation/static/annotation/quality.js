/* Draws the quality of a study as SVG and asks for news every few seconds. Colours and sizes come from study.css. */
"use strict";

addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector("[data-quality]");
  if (!place) return;
  const state = place.querySelector("[data-quality-state]");
  const EVERY_MS = 5000;
  const LEFT = 96, RIGHT = 16;
  let WIDTH = 480;
  let data = JSON.parse(document.getElementById("quality-data").textContent);

  function element(name, attributes = {}, text = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  }
  const two = (value) => (value === null || value === undefined ? "–" : value.toFixed(2).replace(/^(-?)0\./, "$1."));
  const counted = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
  const across = (share, low = 0, high = 1) => LEFT + ((share - low) / (high - low)) * (WIDTH - LEFT - RIGHT);

  function sheet(height, words) {
    const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", class: "quality-plot" });
    svg.append(element("title", {}, words));
    return svg;
  }

  function axis(svg, height, low = 0, high = 1, steps = 4) {
    for (let step = 0; step <= steps; step += 1) {
      const value = low + ((high - low) * step) / steps;
      const x = across(value, low, high);
      svg.append(element("line", { x1: x, x2: x, y1: 4, y2: height - 20, class: "q-grid" }));
      svg.append(element("text", { x, y: height - 5, class: "q-quiet", "text-anchor": "middle" }, two(value)));
    }
  }

  function whisker(svg, y, found, css, low = 0, high = 1) {
    if (!found || found.value === null) return;
    const clip = (value) => Math.max(low, Math.min(high, value));
    if (found.low !== null && found.low !== undefined) {
      svg.append(element("line", { x1: across(clip(found.low), low, high), x2: across(clip(found.high), low, high), y1: y, y2: y, class: `q-line ${css}` }));
    }
    svg.append(element("circle", { cx: across(clip(found.value), low, high), cy: y, r: 4, class: `q-dot ${css}` }));
  }

  function label(svg, y, words, more) {
    const text = element("text", { x: LEFT - 8, y: y + 4, class: "q-label", "text-anchor": "end" }, words);
    if (more) text.append(element("title", {}, more));
    svg.append(text);
  }

  const nothing = (words) => Object.assign(document.createElement("p"), { className: "help", textContent: words });

  function needs(row, isShort = false) {
    if (row.raters_needed === null) return isShort ? "–" : "not known yet";
    const more = Math.max(0, Math.ceil(row.raters_needed - row.n_each));
    if (isShort) return more ? `${more} more` : "enough";
    return more ? `${row.raters_needed} for .90: ${more} more` : "enough for .90";
  }

  function reliabilityTable(rows) {
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const words of ["Attribute", "Ratings each", "ICC(1,1)", "ICC(1,k)", "Split-half", "Raters for .90"]) {
      head.append(Object.assign(document.createElement("th"), { scope: "col", textContent: words }));
    }
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      for (const words of [row.attribute, row.n_each.toFixed(1), two(row.icc_single), two(row.icc_mean), two(row.split_half), needs(row)]) {
        line.insertCell().textContent = words;
      }
    }
    const scroll = Object.assign(document.createElement("div"), { className: "table-scroll" });
    scroll.append(table);
    return scroll;
  }

  // An open table stays open when the page is drawn anew.
  function keepingOpen(plot, parts) {
    const wasOpen = plot.querySelector("details")?.open;
    plot.replaceChildren(...parts);
    const details = plot.querySelector("details");
    if (details && wasOpen) details.open = true;
  }

  const plots = {
    people({ people }) {
      if (!people.n) return [nothing("Nobody has seen a gold question yet.")];
      const rows = people.lowest.slice(0, 16);
      const height = 18 * rows.length + 30;
      const svg = sheet(height, `The ${counted(rows.length, "lowest accuracy", "lowest accuracies")} of ${counted(people.n, "person", "people")}; threshold ${two(people.threshold)}`);
      axis(svg, height);
      const x = across(people.threshold);
      svg.append(element("line", { x1: x, x2: x, y1: 4, y2: height - 20, class: "q-threshold" }));
      rows.forEach((person, row) => {
        const y = 14 + 18 * row;
        label(svg, y, person.code, `${counted(person.n_gold, "gold question")}, ${counted(person.n_responses, "response")}`);
        whisker(svg, y, { value: person.accuracy, low: person.low, high: person.high }, person.is_excluded ? "is-out" : "is-in");
      });
      const rest = people.n > rows.length ? `The ${rows.length} lowest of ${people.n} people. ` : "";
      return [svg, nothing(`${rest}The line is the threshold; excluded people are red.`)];
    },
    agreement({ alpha, self_agreement: again, kind }) {
      const rows = alpha.filter((found) => found.value !== null);
      const names = [...new Set(rows.map((found) => found.attribute))];
      if (!rows.length) return [nothing("Too few answers to the same question yet.")];
      const low = Math.max(-1, Math.min(0, ...rows.map((found) => found.low ?? found.value))); // intervals of few answers have no end
      const step = names.length > 12 ? 20 : 26;
      const height = step * (names.length + (again.value === null ? 0 : 1)) + 34;
      const svg = sheet(height, rows.map((found) => `${found.statistic} ${found.attribute} ${two(found.value)}`).join(", "));
      axis(svg, height, low);
      names.forEach((name, row) => {
        const y = 18 + step * row;
        label(svg, y, name || "alpha", name);
        for (const found of rows.filter((each) => each.attribute === name)) {
          const isOrdinal = found.statistic.endsWith("ordinal");
          const shift = kind === "rating" ? (isOrdinal ? -4 : 4) : 0;
          whisker(svg, y + shift, found, isOrdinal ? "is-other" : "is-in", low);
        }
      });
      if (again.value !== null) {
        label(svg, 18 + step * names.length, "same person", "the same person, asked the same question again");
        whisker(svg, 18 + step * names.length, { value: again.value, low: null }, "is-same", low);
      }
      const words = kind === "rating"
        ? "Krippendorff’s alpha of each attribute, 1 where all agree and 0 by chance: interval (blue) and ordinal (violet), with 95 % intervals."
        : `${rows[0].statistic}: ${two(rows[0].value)} (${two(rows[0].low)} to ${two(rows[0].high)}), ${counted(rows[0].n_responses, "response")}; 1 where all agree, 0 by chance.`;
      let self = "";
      if (again.value !== null && kind === "rating") {
        self = ` Rated again by the same person, two ratings correlate ${two(again.value)} and lie ${again.difference.toFixed(1)} points apart (${counted(again.n, "repeat")}).`;
      } else if (again.value !== null) {
        self = ` The same person agrees with themselves on ${two(again.value)} of ${counted(again.n, "repeat")}.`;
      }
      return [svg, nothing(words + self)];
    },
    ceilings({ ceilings, kind }) {
      if (!ceilings.length) return [nothing("Nothing is settled yet.")];
      const height = 34 * ceilings.length + 30;
      const svg = sheet(height, ceilings.map((row) => `level ${row.level}: one more person ${two(row.one_person.value)}, oracle ${two(row.oracle.value)}`).join("; "));
      const low = kind === "choice" ? 0 : 0.5;
      axis(svg, height, low);
      ceilings.forEach((row, place) => {
        const y = 16 + 34 * place;
        label(svg, y + 5, row.level === "all" ? "all" : `by ${row.level}`, counted(row.n, "question"));
        whisker(svg, y, row.one_person, "is-in", low);
        whisker(svg, y + 11, row.oracle, "is-other", low);
      });
      const chance = kind === "choice" ? "" : " Chance is .50.";
      return [svg, nothing(`What one more person would reach (blue), and an oracle that knows the majority (violet).${chance}`)];
    },
    posterior({ posterior }) {
      if (!posterior.n) return [nothing("Nothing is settled yet.")];
      const height = 170;
      const svg = sheet(height, `${counted(posterior.n, "verdict")}, ${two(posterior.mean)} probably right on average`);
      axis(svg, height);
      const most = Math.max(...posterior.bins.map((bin) => bin.n));
      const width = across(0.05) - across(0) - 2;
      for (const bin of posterior.bins) {
        const tall = (bin.n / most) * (height - 30);
        const bar = element("rect", { x: across(bin.low) + 1, y: height - 20 - tall, width, height: tall, class: "q-bar" });
        bar.append(element("title", {}, `${two(bin.low)} to ${two(bin.low + 0.05)}: ${bin.n}`));
        svg.append(bar);
      }
      return [svg, nothing(`Across: how probably a verdict is right; up: how many verdicts. ${counted(posterior.n, "verdict")}; ${two(posterior.mean)} probably right on average.`)];
    },
    reliability({ reliability }) {
      if (!reliability.length) return [nothing("Nothing is rated yet.")];
      const ranked = [...reliability].sort((one, other) => (other.split_half ?? -1) - (one.split_half ?? -1));
      const isNarrow = place.clientWidth < 560; // a telephone: fewer words, and letters of a size to read
      const [wide, left, right] = isNarrow ? [400, 104, 78] : [720, 132, 168];
      const step = 22, height = step * ranked.length + 34;
      const svg = element("svg", { viewBox: `0 0 ${wide} ${height}`, role: "img", class: "quality-plot" });
      svg.append(element("title", {}, ranked.map((row) => `${row.attribute}: split-half ${two(row.split_half)}, ${needs(row)}`).join("; ")));
      const at = (share) => left + Math.max(0, Math.min(1, share)) * (wide - left - right);
      for (const share of [0, 0.25, 0.5, 0.75, 1]) {
        svg.append(element("line", { x1: at(share), x2: at(share), y1: 4, y2: height - 20, class: "q-grid" }));
        svg.append(element("text", { x: at(share), y: height - 5, class: "q-quiet", "text-anchor": "middle" }, two(share)));
      }
      svg.append(element("line", { x1: at(0.9), x2: at(0.9), y1: 4, y2: height - 20, class: "q-threshold" }));
      ranked.forEach((row, place) => {
        const y = 16 + step * place;
        svg.append(element("text", { x: left - 10, y: y + 4, class: "q-label", "text-anchor": "end" }, row.attribute.slice(0, isNarrow ? 15 : 20)));
        if (row.split_half !== null && row.icc_single !== null) {
          svg.append(element("line", { x1: at(row.icc_single), x2: at(row.split_half), y1: y, y2: y, class: "q-line is-in is-faint" }));
        }
        const isEnough = needs(row).startsWith("enough");
        for (const [name, share, css] of [["ICC(1,1)", row.icc_single, "q-ring is-in"], ["ICC(1,k)", row.icc_mean, "q-ring is-other"], ["split-half", row.split_half, `q-dot ${isEnough ? "is-good" : "is-in"}`]]) {
          if (share === null) continue;
          const dot = element("circle", { cx: at(share), cy: y, r: css.startsWith("q-ring") ? 3.5 : 4.5, class: css });
          dot.append(element("title", {}, `${row.attribute}, ${name}: ${two(share)}`));
          svg.append(dot);
        }
        svg.append(element("text", { x: wide - right + 14, y: y + 4, class: isEnough ? "q-enough" : "" }, needs(row, isNarrow)));
      });
      const details = document.createElement("details");
      details.append(Object.assign(document.createElement("summary"), { textContent: "The same as a table" }), reliabilityTable(ranked));
      return [svg, nothing("Dot: split-half reliability of the mean rating. Rings: ICC(1,k) of the mean (violet) and ICC(1,1) of a single rating (blue). The line is .90."), details];
    },
    means({ means }) {
      if (!means.length) return [nothing("Nothing is settled yet.")];
      const all = means.flat();
      const low = Math.floor(Math.min(...all)), high = Math.max(low + 1, Math.ceil(Math.max(...all)));
      const height = 260;
      const up = (value) => height - 20 - ((value - low) / (high - low)) * (height - 28);
      const svg = sheet(height, `Weighted against plain mean of ${counted(means.length, "question")}`);
      axis(svg, height, low, high, Math.min(WIDTH < 400 ? 4 : 8, high - low));
      for (let value = low; value <= high; value += 1) {
        svg.append(element("text", { x: LEFT - 8, y: up(value) + 4, class: "q-quiet", "text-anchor": "end" }, two(value)));
      }
      svg.append(element("line", { x1: across(low, low, high), y1: up(low), x2: across(high, low, high), y2: up(high), class: "q-grid" }));
      for (const [mean, weighted] of means) {
        svg.append(element("circle", { cx: across(mean, low, high), cy: up(weighted), r: 3, class: "q-dot is-in is-faint" }));
      }
      return [svg, nothing("Across: the plain mean. Up: the mean weighted by each person's consistency. On the line nothing changes.")];
    },
  };

  function draw() {
    // A telephone: letters of their own size, not those of a wide plot made small.
    WIDTH = place.clientWidth < 560 ? Math.max(260, place.clientWidth - 2 * 20) : 480;
    for (const plot of place.querySelectorAll("[data-plot]")) keepingOpen(plot, plots[plot.dataset.plot](data));
    for (const count of document.querySelectorAll("[data-count]")) {
      const value = data.counts[count.dataset.count];
      if (value !== undefined) count.textContent = value;
    }
    const accuracy = document.querySelector("[data-accuracy]");
    if (accuracy && data.accuracy.value !== null) {
      const found = data.accuracy;
      const between = Object.assign(document.createElement("small"), { textContent: `${found.low.toFixed(2)} to ${found.high.toFixed(2)}` });
      accuracy.replaceChildren(`${found.value.toFixed(2)} `, between);
    }
    const total = Object.values(data.slots).reduce((sum, n) => sum + n, 0) || 1;
    let start = 0;
    for (const part of document.querySelectorAll("[data-slots]")) { // in the order in which they stand in the bar
      const n = data.slots[part.dataset.slots];
      if (part.tagName !== "rect") {
        part.textContent = n;
        continue;
      }
      part.setAttribute("x", start);
      part.setAttribute("width", (100 * n) / total);
      start += (100 * n) / total;
    }
    const list = document.querySelector("[data-decisions]");
    if (list && data.replacement.decisions.length) {
      list.replaceChildren(...data.replacement.decisions.map((decision) => {
        const row = document.createElement("li"), time = document.createElement("time");
        time.textContent = decision.at;
        row.append(time, ` ${decision.reason}`);
        return row;
      }));
    }
  }

  async function ask() {
    if (!document.hidden) {
      try {
        const answer = await fetch(`${place.dataset.quality}?seen=${encodeURIComponent(data.version)}`, { credentials: "same-origin" });
        if (answer.status === 200 && !answer.redirected) {
          data = await answer.json();
          draw();
          state.textContent = `updated ${new Date().toLocaleTimeString()}`;
        } else if (answer.status !== 204) {
          state.textContent = "not updated: please sign in again";
        }
      } catch (error) {
        state.textContent = "not updated: no connection"; // the next round asks again
      }
    }
    setTimeout(ask, EVERY_MS);
  }

  draw();
  setTimeout(ask, EVERY_MS);
});
