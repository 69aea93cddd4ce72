// A list of runs, searches or studies: what stands about each row is kept up to date while something is under way.
// Only the texts of cells change, so that nobody loses a row that was ticked or a place in the list.
"use strict";

const UNDER_WAY = ".run-badge:is(.is-queued, .is-running, .is-stopping)";
const LIVE_CELLS = ["state", "progress", "result", "best_score"];

function rowsOf(root) {
  const rows = [...root.querySelectorAll("#result_list tbody tr")];
  return new Map(rows.map((row) => [row.querySelector("th a")?.getAttribute("href"), row]));
}

async function refreshList() {
  try {
    const response = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) throw new Error(`status ${response.status}`);
    const found = rowsOf(new DOMParser().parseFromString(await response.text(), "text/html"));
    for (const [address, row] of rowsOf(document)) {
      for (const name of LIVE_CELLS) {
        const [here, there] = [row, found.get(address)].map((each) => each?.querySelector(`.field-${name}`));
        if (here && there && here.innerHTML !== there.innerHTML) here.replaceChildren(...there.childNodes);
      }
    }
  } catch (error) {
    // The next attempt may succeed; what stands there was true when it was drawn.
  }
  keepUp();
}

function keepUp() {
  if (document.querySelector(`#result_list ${UNDER_WAY}`)) setTimeout(refreshList, 750);
}

keepUp();
