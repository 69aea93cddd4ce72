/* The question page: pictures in memory before they are needed, one key or tap per answer, the next question at once. */
"use strict";

(() => {
  const N_AHEAD = 3;
  const UNCONNECTED = "There is no connection at the moment.";
  const form = document.getElementById("question");
  const isPractice = form.dataset.mode === "practice";
  const pictures = document.getElementById("pictures");
  const text = document.getElementById("text");
  const progress = document.getElementById("progress");
  const count = document.getElementById("count");
  const state = document.getElementById("state");
  const stateText = document.getElementById("state-text");
  const feedback = document.getElementById("feedback");
  const trouble = document.getElementById("trouble");
  const slider = form.querySelector("input[type=range]");
  const chosen = form.querySelector("output");
  const loaded = new Map(); // position -> {place: Promise<HTMLImageElement>}

  let batch = null;
  let waiting = []; // questions without an answer, the present one first
  let paintedAt = null; // null while nothing can be answered
  let hasEnded = false;
  let isHalted = false;

  const handlers = { onChange: showState, onSaved: saved, onRefused: refused, onElsewhere: elsewhere };
  const outbox = isPractice ? null : new Outbox(new URL(form.dataset.save, location).href, handlers);

  function showState(nWaiting) {
    const isOffline = !navigator.onLine;
    state.dataset.state = nWaiting ? "waiting" : "saved";
    stateText.textContent = !nWaiting ? "saved" : isOffline || nWaiting > 1 ? `${nWaiting} waiting` : "saving";
    state.title = nWaiting ? "Your answers are kept on this device and sent as soon as there is a connection." : "Every answer is saved.";
    if (!nWaiting && hasEnded) leave(form.dataset.next);
  }

  async function leave(address) {
    if (!navigator.onLine) { // the browser would show a page of its own, from which nothing leads back by itself
      tell(UNCONNECTED + " This page goes on by itself.");
      await new Promise((resolve) => addEventListener("online", resolve, { once: true }));
    }
    if (outbox) outbox.isLeaving = true; // what waits is kept in this browser and sent by the next page
    location.assign(address);
  }

  function tell(sentence, link) {
    trouble.textContent = sentence + " ";
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = form.dataset.start;
      anchor.textContent = link;
      trouble.append(anchor);
    }
    trouble.hidden = !sentence;
  }

  /* Of an earlier visit, neither changes anything here. */
  function saved(item, reply) {
    if (reply.notice && item.answer.assignment === batch?.assignment) halt(reply.notice);
  }

  function refused(item, reason) {
    if (item.answer.assignment === batch?.assignment) halt(reason.error);
  }

  /* Another tab of this person has answered something: it is not asked here again. */
  function elsewhere() {
    if (!batch || isHalted || hasEnded) return;
    const shown = waiting[0];
    waiting = waiting.filter((question) => !outbox.has(batch.assignment, question.position));
    if (waiting[0] !== shown) show();
  }

  /* Nothing can be answered here any more: say why, and lead on. */
  function halt(sentence) {
    isHalted = true;
    hasEnded = false;
    paintedAt = null;
    tell(sentence, "Go on");
  }

  async function load() {
    return ask(form.dataset.load);
  }

  /* Return what the site says. An error that it explains `isFinal` unless it asks for patience; what others say in its
     place, such as the login page of a hotel, is no answer. */
  async function ask(address, options = {}) {
    const signal = AbortSignal.timeout(Outbox.PATIENCE_MS);
    const headers = { Accept: "application/json", ...options.headers };
    const response = await fetch(address, { ...options, headers, signal });
    const body = await response.json();
    if (response.ok) return body;
    const error = new Error(body.error);
    error.isFinal = Boolean(body.code) && response.status < 500 && response.status !== 429;
    error.isBusy = response.status === 429;
    throw error;
  }

  const excuse = (error) => error.isBusy ? error.message : UNCONNECTED;

  async function start() {
    for (let delay = 1000; ; delay = Math.min(delay * 2, 15000)) {
      try {
        batch = await load();
        break;
      } catch (error) {
        if (error.isFinal) return halt(error.message);
        tell(`${excuse(error)} This page tries again by itself.`);
        await pause(delay);
      }
    }
    tell("");
    if (isPractice ? !batch.questions.length : batch.done) return leave(form.dataset.start);
    waiting = batch.questions.filter((q) => isPractice || !outbox.has(batch.assignment, q.position));
    outbox?.send();
    show();
  }

  const pause = (ms) => new Promise((resolve) => {
    setTimeout(resolve, ms);
    addEventListener("online", resolve, { once: true }); // the connection is back: no reason to wait any longer
  });
  const places = () => [...form.querySelectorAll("[data-picture]")];

  function picture(address) {
    const image = new Image();
    image.src = address;
    return image.decode().then(() => image);
  }

  function fetchPictures(question) {
    if (!loaded.has(question.position)) {
      const images = {};
      for (const place of places()) {
        images[place.dataset.picture] = picture(question[place.dataset.picture]);
        images[place.dataset.picture].catch(() => loaded.delete(question.position)); // asked again when it is needed
      }
      loaded.set(question.position, images);
    }
    return loaded.get(question.position);
  }

  /* A request that got lost on a changing line says nothing for ever; what is only slow has ever more time. */
  function inTime(promise, ms) {
    let timer;
    const silence = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`nothing in ${ms} ms`)), ms); });
    return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
  }

  async function picturesOf(question) {
    for (let delay = 500, patience = Outbox.PATIENCE_MS; ; delay = Math.min(delay * 2, 15000), patience *= 2) {
      const images = fetchPictures(question);
      try {
        const entries = Object.entries(images).map(async ([name, image]) => [name, await image]);
        const found = Object.fromEntries(await inTime(Promise.all(entries), patience));
        if (!isHalted) tell("");
        return found;
      } catch (error) {
        if (isHalted) return null;
        loaded.delete(question.position);
        tell(`${navigator.onLine ? "A picture has not arrived yet." : UNCONNECTED} This page tries again by itself.`);
        await pause(delay);
        await freshAddresses();
      }
    }
  }

  /* Addresses of pictures expire; the same questions come back with new ones. */
  async function freshAddresses() {
    try {
      const again = await load();
      if (again.assignment !== batch.assignment) return leave(form.dataset.start); // finished in another tab
      const byPosition = new Map(again.questions.map((q) => [q.position, q]));
      for (const question of waiting) Object.assign(question, byPosition.get(question.position));
    } catch (error) {
      if (error.isFinal) halt(error.message);
    }
  }

  async function show() {
    paintedAt = null;
    delete form.dataset.ready;
    if (isHalted) return;
    const question = waiting[0];
    if (!question) return end();
    pictures.setAttribute("aria-busy", "true");
    feedback?.replaceChildren();
    for (const button of form.querySelectorAll("button")) {
      button.disabled = false;
      delete button.dataset.chosen;
      delete button.dataset.expected;
    }
    const nDone = batch.n_positions - waiting.length;
    progress.value = nDone;
    count.textContent = `${nDone + 1} / ${batch.n_positions}`;
    const images = await picturesOf(question);
    if (isHalted || waiting[0] !== question) return;
    spell(question);
    form.elements.position.value = question.position;
    for (const place of places()) {
      const image = images[place.dataset.picture];
      image.alt = place.querySelector("img").alt;
      image.draggable = false;
      place.replaceChildren(image);
    }
    if (slider) resetSlider();
    pictures.removeAttribute("aria-busy");
    form.dataset.position = question.position;
    requestAnimationFrame(() => requestAnimationFrame((now) => {
      paintedAt = now; // the frame before this one has shown the pictures
      form.dataset.ready = question.position;
    }));
    for (const next of waiting.slice(1, 1 + N_AHEAD)) fetchPictures(next);
  }

  /* Several attributes of one picture are asked in a row: what has changed is a single word. */
  function spell(question) {
    const [before, ...after] = question.attribute ? question.text.split(question.attribute) : [question.text];
    const word = document.createElement("strong");
    word.textContent = question.attribute;
    text.replaceChildren(before, ...(after.length ? [word, after.join(question.attribute)] : []));
  }

  function answer(value, button) {
    if (paintedAt === null) return;
    const response_ms = Math.round(performance.now() - paintedAt);
    paintedAt = null;
    const question = waiting[0];
    if (button) button.dataset.chosen = "";
    if (isPractice) return practise(question, value);
    waiting.shift();
    loaded.delete(question.position);
    outbox.add({ assignment: batch.assignment, position: question.position, ...value, response_ms });
    const next = waiting[0];
    setTimeout(() => { // long enough to see what was chosen
      if (waiting[0] === next) show(); // else another tab has gone on, and what follows is shown already
    }, 120);
  }

  function end() {
    hasEnded = true;
    progress.value = batch.n_positions;
    count.textContent = `${batch.n_positions} / ${batch.n_positions}`;
    pictures.setAttribute("aria-busy", "true");
    text.textContent = outbox.size ? "Saving your last answers. Please keep this page open." : "All saved.";
    showState(outbox.size);
  }

  async function practise(question, value) {
    const body = JSON.stringify({ position: question.position, ...value });
    let result;
    try {
      result = await ask(form.dataset.save, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    } catch (error) {
      if (error.isFinal) return halt(error.message);
      tell(`${excuse(error)} Please choose again in a moment.`);
      paintedAt = performance.now();
      return;
    }
    tell("");
    for (const button of form.querySelectorAll("button")) {
      button.disabled = true;
      if (button.value === result.expected) button.dataset.expected = "";
    }
    const sentence = document.createElement("p");
    sentence.className = result.is_right ? "right" : "other";
    sentence.textContent = result.sentence;
    const next = document.createElement("button");
    next.type = "button";
    next.className = "primary";
    next.textContent = result.is_complete ? "Begin" : "Next";
    next.addEventListener("click", () => {
      waiting.shift();
      if (result.is_complete) leave(form.dataset.next);
      else show();
    });
    feedback.replaceChildren(sentence, next);
    next.focus();
  }

  /* No value stands there until the person has chosen one: a middle that only had to be confirmed would be chosen. */
  function resetSlider() {
    slider.value = slider.defaultValue;
    slider.classList.add("untouched");
    chosen.hidden = false;
    chosen.textContent = "–";
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    slider.focus({ preventScroll: true }); // the arrow keys move it at once
  }

  function touchSlider() {
    if (paintedAt === null) return;
    slider.classList.remove("untouched");
    chosen.textContent = slider.value;
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }

  function valueOf(button) {
    if (button.name === "choice") return { choice: button.value };
    if (button.name === "label") return { label: button.value };
    return { rating: Number(button.name === "rating" ? button.value : slider.value) };
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter ?? form.querySelector("button");
    if (!button.disabled) answer(valueOf(button), button);
  });
  slider?.addEventListener("input", touchSlider);
  slider?.addEventListener("click", touchSlider); // in the very middle, where nothing moves

  const SIDES = { ArrowLeft: "left", f: "left", 1: "left", ArrowRight: "right", j: "right", 2: "right" };

  function buttonOfKey(key) {
    if (form.querySelector("[name=choice]")) {
      const side = SIDES[key.length === 1 ? key.toLowerCase() : key];
      return side && form.querySelector(`[name=choice][value=${side}]`);
    }
    if (!/^[0-9]$/.test(key)) return null;
    const options = form.querySelectorAll("button[name=label]");
    if (options.length) return options[(Number(key) + 9) % 10];
    return form.querySelector(`button[name=rating][value="${key}"]`) ?? (key === "0" && form.querySelector('button[name=rating][value="10"]'));
  }

  addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const button = buttonOfKey(event.key);
    if (!button || button.disabled) return;
    event.preventDefault();
    answer(valueOf(button), button);
  });

  if (outbox) addEventListener("offline", () => showState(outbox.size));
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // back button: what is shown is old

  start();
})();
