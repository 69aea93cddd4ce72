// A page about work that is under way: takes its newest figures from the server every second or so.
"use strict";

const live = document.getElementById("live");

async function refresh() {
  try {
    const response = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) throw new Error(`status ${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const found = page.getElementById("live");
    if (!found) throw new Error("another page");
    // Nobody is thrown out of a link or button that they stand on.
    if (!live.contains(document.activeElement)) live.replaceChildren(...found.childNodes);
    live.dataset.open = found.dataset.open;
    document.getElementById("live-lost").hidden = true;
  } catch (error) {
    document.getElementById("live-lost").hidden = false;
  }
  if (live.dataset.open === "yes") setTimeout(refresh, 750);
}

if (live.dataset.open === "yes") setTimeout(refresh, 750);
