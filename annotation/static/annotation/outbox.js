/* Answers on their way. Each is kept in this browser under a key of its own until the server has confirmed it, so
   that neither a lost connection nor a closed tab loses one; the server keeps the first answer to each position, so
   that sending twice does no harm. */
"use strict";

class Outbox {
  static PREFIX = "semblance.answer.";
  static PATIENCE_MS = 20000; // a connection that says nothing for so long is none
  static LONGEST_PAUSE_MS = 30000;
  static OTHER_TAB_MS = 5000; // so long another tab has for an answer of its own, before this one sends it as well

  /* url: where answers are sent. onChange(nWaiting). onSaved(item, reply). onRefused(item, reason): the server wants
     none of it. onElsewhere(): another tab of the same person has answered something. */
  constructor(url, { onChange, onSaved = () => {}, onRefused = () => {}, onElsewhere = () => {} }) {
    this.url = url;
    this.onChange = onChange;
    this.onSaved = onSaved;
    this.onRefused = onRefused;
    this.onElsewhere = onElsewhere;
    this.memory = new Map(); // also the fallback where the browser keeps nothing
    this.given = new Set(); // keys of all answers that were given here, or seen to be given in another tab
    this.isSending = false;
    this.isLeaving = false; // the page itself leads on: then the browser need not ask whether to stay
    this.delay = 1000;
    this.restore();
    addEventListener("online", () => this.send());
    addEventListener("storage", (event) => this.hear(event));
    addEventListener("beforeunload", (event) => { if (this.size && !this.isLeaving) event.preventDefault(); });
  }

  /* Take up what waits in this browser, the oldest first. */
  restore() {
    try {
      const found = [];
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(Outbox.PREFIX) || this.memory.has(key)) continue;
        const item = JSON.parse(localStorage.getItem(key));
        if (item.url === this.url) found.push([key, item]);
      }
      found.sort(([, one], [, other]) => one.chosenAt - other.chosenAt);
      for (const [key, item] of found) {
        this.memory.set(key, item);
        this.given.add(key);
      }
    } catch (error) {
      console.warn("This browser keeps nothing; answers wait in this tab only.", error);
    }
  }

  hear({ key, newValue }) {
    if (!key?.startsWith(Outbox.PREFIX)) return;
    if (newValue === null) {
      this.memory.delete(key); // the other tab has sent it
      this.onChange(this.size);
    } else if (JSON.parse(newValue).url === this.url) {
      this.given.add(key);
      setTimeout(() => this.send(), Outbox.OTHER_TAB_MS); // should that tab be closed before
      this.onElsewhere();
    }
  }

  key(assignment, position) {
    return `${Outbox.PREFIX}${assignment}.${position}`;
  }

  has(assignment, position) {
    return this.given.has(this.key(assignment, position));
  }

  get size() {
    return this.memory.size;
  }

  add(answer) {
    const key = this.key(answer.assignment, answer.position);
    const item = { url: this.url, chosenAt: Date.now(), answer };
    this.memory.set(key, item);
    this.given.add(key);
    try {
      localStorage.setItem(key, JSON.stringify(item));
    } catch (error) {
      console.warn("This browser keeps nothing; answers wait in this tab only.", error);
    }
    this.send();
  }

  remove(key) {
    this.memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch (error) {
      console.warn("This browser keeps nothing.", error);
    }
  }

  async send() {
    this.onChange(this.size);
    if (this.isSending) return;
    this.isSending = true;
    clearTimeout(this.timer);
    this.restore();
    while (this.size) {
      const [key, item] = this.memory.entries().next().value;
      const { later, reply, refusal } = await this.post(item);
      if (later) {
        this.timer = setTimeout(() => this.send(), Math.max(later, this.delay));
        this.delay = Math.min(this.delay * 2, Outbox.LONGEST_PAUSE_MS);
        break;
      }
      this.delay = 1000;
      this.remove(key);
      if (refusal) this.onRefused(item, refusal);
      else this.onSaved(item, reply);
      this.onChange(this.size);
    }
    this.isSending = false;
  }

  /* {reply}: saved. {later}: to be tried again, after so many milliseconds at least. {refusal}: refused for good.
     Only what the site itself has said is believed: a hotel's login page answers 200 as well, and a proxy 403. */
  async post(item) {
    let response, body;
    try {
      response = await fetch(item.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ ...item.answer, latency_ms: Math.max(0, Date.now() - item.chosenAt) }),
        keepalive: true,
        signal: AbortSignal.timeout(Outbox.PATIENCE_MS),
      });
      body = await response.json();
    } catch (error) {
      return { later: 1 }; // no connection, or somebody else's page
    }
    if (response.ok && body?.saved === true) return { reply: body };
    const isBusy = response.status >= 500 || [408, 425, 429].includes(response.status);
    if (response.ok || isBusy || !body?.code) return { later: 1000 * Number(response.headers.get("Retry-After")) || 1 };
    return { refusal: body };
  }
}
