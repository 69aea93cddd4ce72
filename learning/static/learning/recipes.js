// A long list of recipes becomes a short one: words typed above it keep what has all of them, and what is chosen is
// told in full below. Without script it stays a plain list that says the same in each line.
"use strict";

for (const select of document.querySelectorAll("select[data-recipes]")) {
  const groups = [...select.querySelectorAll("optgroup")].map((group) => ({
    group,
    options: [...group.children].map((option) => ({
      option,
      said: [option.value, option.dataset.summary, option.dataset.source, group.label].join(" ").toLowerCase(),
    })),
  }));
  const all = groups.flatMap(({ options }) => options);
  for (const { option } of all) option.textContent = option.value;
  select.size = 8;

  const host = document.createElement("div");
  host.className = "recipes";
  const search = document.createElement("input");
  search.type = "search";
  search.id = `${select.id}-search`;
  search.autocomplete = "off";
  search.spellcheck = false;
  search.placeholder = `Search ${all.length} recipes`;
  search.setAttribute("aria-label", "Search recipes by name, what they are or where they come from");
  const count = document.createElement("p");
  count.className = "recipes-count";
  count.setAttribute("role", "status");
  const told = document.createElement("div");
  told.className = "recipes-told";
  told.id = `${select.id}-told`;
  told.setAttribute("aria-live", "polite");
  select.setAttribute("aria-describedby", [select.getAttribute("aria-describedby"), told.id].filter(Boolean).join(" "));
  select.before(host);
  host.append(search, count, select, told);

  function tell() {
    const option = select.selectedOptions[0];
    told.replaceChildren();
    if (!option || !option.dataset.summary) return;
    for (const [tag, text] of [["strong", option.value], ["p", option.dataset.summary], ["small", `From ${option.dataset.source}`]]) {
      const part = document.createElement(tag);
      part.textContent = `${text}${tag === "strong" ? "" : "."}`;
      told.append(part);
    }
  }

  // Options are taken out and put back: not every browser hides them.
  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = select.selectedOptions[0];
    let n = 0;
    for (const { group, options } of groups) {
      const fits = options.filter(({ said }) => words.every((word) => said.includes(word)));
      n += fits.length;
      // What is chosen stays, so that searching alone changes nothing that is sent.
      const shown = options.filter((entry) => fits.includes(entry) || entry.option === chosen);
      group.replaceChildren(...shown.map(({ option }) => option));
      group.hidden = !shown.length;
      if (shown.length) select.append(group);
      else group.remove();
    }
    if (chosen) chosen.selected = true;
    count.textContent = words.length ? `${n} of ${all.length} ${n === 1 ? "fits" : "fit"}` : "";
    return words.length ? all.find(({ said }) => words.every((word) => said.includes(word))) : null;
  }

  function take(entry) {
    if (!entry) return;
    entry.option.selected = true;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      take(filter());
      filter();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      const chosen = select.selectedOptions[0];
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = all.find(({ option, said }) => option === chosen && words.every((word) => said.includes(word)));
      if (!fits) take(filter());
      filter();
      select.focus();
    } else if (event.key === "Escape" && search.value) {
      event.preventDefault();
      search.value = "";
      filter();
    }
  });
  select.addEventListener("change", tell);
  tell();
}
