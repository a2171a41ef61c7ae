// Shifts that wait on this device, and how they are sent. Used by the page and by its service worker, so there is no page in here.
//
// A shift is kept before anything is sent: {id, account, at, fields: [[name, value], ...], said, state, ...}. Its id was made on the
// device and is its identity in the ledger, so a shift whose answer was lost is known again when it is sent a second time.
// state: waiting; sent (entry, figures); refused (reasons). Of each account only its own shifts are sent, and only while it is signed in.
"use strict";
self.Waiting = (() => {
  const KEPT = 20; // sent shifts that stay in the list

  function opened() {
    return new Promise((resolve, reject) => {
      const asked = indexedDB.open("checkweigh", 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore("shifts", { keyPath: "id" });
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  }

  async function within(mode, ask) {
    const database = await opened();
    try {
      return await new Promise((resolve, reject) => {
        const change = database.transaction("shifts", mode, { durability: "strict" });
        const found = ask(change.objectStore("shifts"));
        change.oncomplete = () => resolve(found && found.result);
        change.onerror = change.onabort = () => reject(change.error);
      });
    } finally {
      database.close();
    }
  }

  const keep = (shift) => within("readwrite", (store) => store.put(shift));
  const drop = (id) => within("readwrite", (store) => store.delete(id));

  async function all() {
    const found = await within("readonly", (store) => store.getAll());
    return found.sort((one, other) => one.at - other.at);
  }

  function freshId() {
    const letters = "abcdefghijklmnopqrstuvwxyz234567";
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => letters[byte & 31]).join("");
  }

  // One sender at a time, among all tabs and the service worker; where locks are missing the ledger itself knows a shift again.
  function alone(work) {
    return navigator.locks ? navigator.locks.request("checkweigh-sending", work) : work();
  }

  // Sends what waits, the oldest first. Returns why it stopped: "" when nothing waits, "away", "signed out", "other account", "later".
  const send = (told = () => {}) => alone(() => sending(told));

  async function sending(told) {
    const waiting = (await all()).filter((shift) => shift.state === "waiting");
    if (!waiting.length) return { why: "" };
    let state;
    try {
      const answer = await fetch("/enter/state", { headers: { accept: "application/json" }, cache: "no-store", redirect: "error" });
      if (answer.status === 401 || answer.status === 403) return { why: "signed out" };
      if (!answer.ok) return { why: "later" };
      state = await answer.json();
    } catch {
      return { why: "away" };
    }
    const own = waiting.filter((shift) => shift.account === state.account);
    for (const shift of own) {
      const why = await sent(shift, state);
      await told(shift);
      if (why) return { why, account: state.account };
    }
    await forgetOld();
    return { why: own.length < waiting.length ? "other account" : "", account: state.account };
  }

  // Sends one shift and keeps what became of it. Returns why sending cannot go on, if so.
  async function sent(shift, state) {
    const body = new URLSearchParams([...shift.fields, ["csrf_token", state.csrf_token]]);
    let answer, said;
    try {
      answer = await fetch("/enter", {
        method: "POST",
        body,
        headers: { accept: "application/json", "x-csrftoken": state.csrf_token, "idempotency-key": shift.id },
        redirect: "error",
      });
      said = await answer.json();
    } catch {
      return "away";
    }
    if (answer.ok) {
      await keep({ ...shift, state: "sent", entry: said.entry, shift: said.shift, attainment: said.attainment, fields: [], done: Date.now() });
      return "";
    }
    if (answer.status === 401) return "signed out";
    if (answer.status === 403) return "other account"; // somebody else has signed in meanwhile
    if (answer.status === 429 || answer.status >= 500) return "later";
    const reasons = said.problems ? said.problems.map((one) => `${one.field}: ${one.value ? `“${one.value}” ` : ""}${one.reason}`) : [said.detail];
    await keep({ ...shift, state: "refused", reasons });
    return "";
  }

  async function forgetOld() {
    const done = (await all()).filter((shift) => shift.state === "sent").sort((one, other) => other.done - one.done);
    for (const shift of done.slice(KEPT)) await drop(shift.id);
  }

  return { keep, drop, all, send, freshId };
})();
