/* Asks how far work has come until it is over. Without this script a link does the same by hand. */
"use strict";

addEventListener("DOMContentLoaded", () => {
  const FIRST_MS = 300, LONGEST_MS = 2000;

  function words(told) {
    if (!told.doing) return told.label;
    const count = (n) => n.toLocaleString("en");
    if (told.n_all) return `${told.doing}: ${count(told.n_done)} of ${count(told.n_all)}`;
    return told.n_done ? `${told.doing}: ${count(told.n_done)}` : told.doing;
  }

  function show(place, told) {
    const part = (name) => place.querySelector(`[data-part=${name}]`);
    place.className = `errand is-${told.status}`;
    part("label").className = `badge is-${told.status}`;
    part("label").textContent = told.label;
    part("doing").textContent = words(told);
    part("progress").hidden = told.is_over;
    const bar = place.querySelector("progress");
    if (told.n_all) Object.assign(bar, { max: told.n_all, value: told.n_done });
    else bar.removeAttribute("value");
    for (const hint of document.querySelectorAll("[data-while-working]")) hint.hidden = told.is_over;
    part("message").textContent = told.message;
    part("link").hidden = !told.link;
    if (told.link) Object.assign(part("link"), { href: told.link.url, textContent: told.link.words });
  }

  async function watch(place, pause) {
    try {
      const answer = await fetch(place.dataset.errand, { credentials: "same-origin" });
      if (answer.redirected) throw new Error("signed out");
      const told = await answer.json();
      show(place, told);
      if (told.is_over) return;
    } catch (error) {
      place.querySelector("[data-part=doing]").textContent = "The site does not answer; trying again.";
    }
    setTimeout(() => watch(place, Math.min(pause * 1.3, LONGEST_MS)), pause);
  }

  for (const place of document.querySelectorAll("[data-errand]")) watch(place, FIRST_MS);
});
