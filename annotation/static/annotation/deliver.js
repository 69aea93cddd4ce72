/* Sends answers that a closed tab has left in this browser, from whatever page of theirs a person opens next. */
"use strict";

(() => {
  const url = new URL(document.currentScript.dataset.save, location).href;
  const note = Object.assign(document.createElement("p"), { className: "trouble" });
  note.setAttribute("role", "status");
  let isNew = false;

  function onChange(nWaiting) {
    const what = nWaiting === 1 ? "One answer waits on this device and is" : `${nWaiting} answers wait on this device and are`;
    note.textContent = `${what} sent as soon as there is a connection.`;
    if (nWaiting) document.getElementById("main").prepend(note);
    else note.remove();
    if (!nWaiting && isNew) location.reload(); // what this page says of the person has changed
  }

  new Outbox(url, { onChange, onSaved: (item, reply) => { isNew ||= reply.is_new; } }).send();
})();
