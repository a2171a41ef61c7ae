// Proofs, checked in the reader's own browser: RFC 6962 hashes by Web Crypto, from the entry up to the root that the ledger signed; the
// signature of the checkpoint; and that the ledger shows the same history as on earlier visits, of which the newest checkpoint is kept.
"use strict";
(() => {
  const HEADER = "c2sp.org/tlog-proof@v1", EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  const text = new TextEncoder();

  class Fails extends Error {}

  // ---- bytes

  function joined(...parts) {
    const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) { whole.set(part, at); at += part.length; }
    return whole;
  }
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const fromHex = (said) => Uint8Array.from(said.match(/../g) || [], (pair) => parseInt(pair, 16));
  const same = (one, other) => hex(one) === hex(other);
  function fromBase64(said, what) {
    try {
      const bytes = Uint8Array.from(atob(said), (letter) => letter.charCodeAt(0));
      if (btoa(String.fromCharCode(...bytes)) !== said) throw new Error();
      return bytes;
    } catch {
      throw new Fails(`${what} is not whole: it was altered or damaged`);
    }
  }
  const hash = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
  const leafHash = (entry) => hash(Uint8Array.of(0), entry);
  const nodeHash = (left, right) => hash(Uint8Array.of(1), left, right);

  // ---- notes, checkpoints, receipts (C2SP signed-note, tlog-checkpoint, tlog-proof)

  function readNote(note) {
    const end = note.lastIndexOf("\n\n");
    if (end < 0 || !note.endsWith("\n")) throw new Fails("the checkpoint is not a signed note");
    const said = note.slice(0, end + 1), [origin, size, root] = said.split("\n");
    if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || !root) throw new Fails("the checkpoint does not state a size and a root");
    const signatures = note.slice(end + 2).trimEnd().split("\n").map((line) => {
      const [mark, name, encoded] = line.split(" ");
      if (mark !== "—" || !encoded) throw new Fails("a signature line of the checkpoint is damaged");
      const data = fromBase64(encoded, "a signature");
      return { name, id: hex(data.slice(0, 4)), data: data.slice(4) };
    });
    return { said, origin, size: Number(size), root: fromBase64(root, "the root"), signatures, note };
  }

  function readReceipt(file) {
    const lines = file.split("\n");
    if (lines[0] !== HEADER || !/^extra /.test(lines[1] || "") || !/^index (0|[1-9][0-9]{0,15})$/.test(lines[2] || "")) throw new Fails("this is no receipt of an entry, or it was altered");
    const blank = lines.indexOf("", 3);
    if (blank < 0) throw new Fails("the receipt is cut off");
    const proof = lines.slice(3, blank).map((line) => fromBase64(line, "a hash of the proof"));
    if (proof.length > 64 || proof.some((one) => one.length !== 32)) throw new Fails("a hash of the proof does not have 32 bytes");
    const checkpoint = readNote(lines.slice(blank + 1).join("\n"));
    return { entry: fromBase64(lines[1].slice(6), "the entry"), index: Number(lines[2].slice(6)), proof, checkpoint };
  }

  function readKey(key) {
    const [name, id, ...rest] = key.split("+"), data = fromBase64(rest.join("+"), "the verifier key");
    return { name, id, algorithm: data[0], public: data.slice(1), text: key };
  }

  // Whether a key made a signature; null where this browser cannot tell.
  async function signed(key, message, signature) {
    try {
      const imported = await crypto.subtle.importKey("raw", key.public, { name: "Ed25519" }, false, ["verify"]);
      return await crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
    } catch {
      return null;
    }
  }

  // The keys of the ledger: the first, and each later one that the key before it has signed for.
  async function followed(keys, signatures, origin) {
    const chain = keys.map(readKey);
    for (let at = 1; at < chain.length; at++) {
      const said = text.encode(`checkweigh key rotation\n${origin}\n${keys[at]}\n`);
      if ((await signed(chain[at - 1], said, fromBase64(signatures[at - 1], "a rotation"))) === false) throw new Fails(`key ${chain[at].id} was not named by the key before it`);
    }
    return chain;
  }

  // Says which key signed a checkpoint, or that this browser cannot check it. Fails for a signature that is none.
  async function signer(checkpoint, chain) {
    for (const key of [...chain].reverse()) {
      const found = checkpoint.signatures.find((one) => one.name === key.name && one.id === key.id);
      if (!found) continue;
      const holds = await signed(key, text.encode(checkpoint.said), found.data);
      if (holds === false) throw new Fails("the signature of the checkpoint does not hold: it was not made by the ledger's key over these words");
      return { key, holds };
    }
    throw new Fails(`no key of this ledger has signed the checkpoint of ${checkpoint.origin}`);
  }

  // ---- Merkle proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2)

  async function checkInclusion(index, size, leaf, proof, root, told) {
    if (!(index < size)) throw new Fails(`entry ${index} cannot be among ${size} entries`);
    let node = index, last = size - 1, found = leaf, at = 0;
    while (last > 0) {
      if (node % 2 || node === last) {
        if (at === proof.length) throw new Fails("the proof is too short");
        found = await nodeHash(proof[at], found);
        await told("left", proof[at++], found);
        while (node % 2 === 0 && node) { node = Math.floor(node / 2); last = Math.floor(last / 2); }
      } else {
        if (at === proof.length) throw new Fails("the proof is too short");
        found = await nodeHash(found, proof[at]);
        await told("right", proof[at++], found);
      }
      node = Math.floor(node / 2);
      last = Math.floor(last / 2);
    }
    if (at < proof.length) throw new Fails("the proof is too long");
    if (!same(found, root)) throw new Fails(`the hashes do not lead to the root that was signed: they lead to ${hex(found)}`);
  }

  async function isPrefix(old, oldRoot, size, root, proof) {
    if (old === 0) return hex(oldRoot) === EMPTY;
    if (old > size) return false;
    if (old === size) return proof.length === 0 && same(oldRoot, root);
    let node = old - 1, last = size - 1, at = 0;
    while (node % 2) { node = (node - 1) / 2; last = Math.floor(last / 2); }
    let before = node ? proof[at++] : oldRoot, now = before;
    if (!before) return false;
    while (last > 0) {
      const sibling = proof[at];
      if (node % 2 || node === last) {
        if (!sibling) return false;
        before = await nodeHash(sibling, before);
        now = await nodeHash(sibling, now);
        at++;
        while (node % 2 === 0 && node) { node = Math.floor(node / 2); last = Math.floor(last / 2); }
      } else {
        if (!sibling) return false;
        now = await nodeHash(now, sibling);
        at++;
      }
      node = Math.floor(node / 2);
      last = Math.floor(last / 2);
    }
    return at === proof.length && same(before, oldRoot) && same(now, root);
  }

  // ---- what the reader sees

  function made(tag, said, kind) {
    const element = document.createElement(tag);
    if (said) element.textContent = said;
    if (kind) element.className = kind;
    return element;
  }

  function step(list, said, code, kind) {
    const line = made("li", said, kind);
    if (code) line.append(" ", made("code", code));
    list.append(line);
  }

  function verdict(kind, title, more) {
    const box = made("div", "", kind);
    box.append(made("strong", title), made("span", more));
    document.getElementById("verdict").replaceChildren(box);
  }

  const counted = (many) => `${many.toLocaleString("en")} ${many === 1 ? "entry" : "entries"}`;

  async function checkReceipt(place, file, expected) {
    const list = document.getElementById("steps"), { origin } = place.dataset;
    list.replaceChildren();
    try {
      const receipt = readReceipt(file), { checkpoint } = receipt;
      if (expected !== undefined && receipt.index !== expected.index) throw new Fails(`this is the receipt of entry ${receipt.index}, not of entry ${expected.index}`);
      if (expected && expected.bytes !== null && new TextDecoder().decode(receipt.entry) !== expected.bytes) throw new Fails("the receipt holds another text than this page shows");
      step(list, `Entry ${receipt.index}, ${receipt.entry.length} bytes: its hash (SHA-256 of 0x00 and the entry) is`, hex(await leafHash(receipt.entry)));
      await checkInclusion(receipt.index, checkpoint.size, await leafHash(receipt.entry), receipt.proof, checkpoint.root, (side, sibling, found) =>
        step(list, `With its neighbour on the ${side}, ${hex(sibling).slice(0, 16)}…, hashed together (SHA-256 of 0x01 and both):`, hex(found)));
      step(list, `That is the root of all ${counted(checkpoint.size)}, as the checkpoint states it.`);
      if (checkpoint.origin !== origin) throw new Fails(`it is a receipt of another ledger, ${checkpoint.origin}; this one is ${origin}`);
      const chain = await followed(place.dataset.keys.split(" "), place.dataset.signatures.split(" ").filter(Boolean), origin);
      const { key, holds } = await signer(checkpoint, chain);
      if (holds === null) step(list, "This browser cannot check Ed25519 signatures. That the ledger signed this root is to be checked elsewhere:", `checkweigh verify FILE --key ${key.text}`, "bad");
      else step(list, "The checkpoint is signed (Ed25519) by the ledger's key", key.text);
      const others = checkpoint.signatures.filter((one) => one.name !== origin).length;
      if (others) step(list, `${others} witness${others === 1 ? " has" : "es have"} cosigned the same checkpoint; the program checks ${others === 1 ? "it" : "them"} with --witness.`);
      const where = `Entry ${receipt.index} is among the ${counted(checkpoint.size)} of ${origin}, word for word`;
      if (holds) verdict("proven", "Proven", `${where}. Checked just now, in this browser.`);
      else verdict("unproven", "Proven but for the signature", `${where}, if the ledger signed that root; this browser could not check it.`);
      return receipt;
    } catch (error) {
      if (!(error instanceof Fails)) throw error;
      step(list, error.message, "", "bad");
      verdict("unproven", "It does not hold", `${error.message}. Nothing is proven; keep this receipt and ask the ledger's keeper, and your representative.`);
      return null;
    }
  }

  // ---- what was seen before

  const KEPT = "checkweigh-checkpoints";
  function kept() {
    try { return JSON.parse(localStorage.getItem(KEPT) || "{}"); } catch { return {}; }
  }

  function alarm(title, more, before, note) {
    const box = document.getElementById("watch"), inner = made("div", "", "rewritten");
    const evidence = new Blob([`What this browser had seen on ${before.when}:\n\n${before.note}\nWhat the ledger shows on ${new Date().toISOString()}:\n\n${note}`], { type: "text/plain" });
    const save = made("a", "Save both checkpoints as evidence");
    save.href = URL.createObjectURL(evidence);
    save.download = "evidence.txt";
    inner.append(made("strong", title), made("p", more), save);
    box.hidden = false;
    box.setAttribute("role", "alert");
    box.replaceChildren(inner);
  }

  // Holds the newest checkpoint against the one that this browser saw last, and keeps the newer of the two only if the older is its beginning.
  async function watch(place) {
    const all = kept(), before = all[place.dataset.origin];
    const asked = await fetch(`/ledger/consistency?old=${before ? before.size : 0}`, { cache: "no-store", headers: { accept: "application/json" } });
    if (!asked.ok) return;
    const answer = await asked.json(), now = readNote(answer.note);
    const { key, holds } = await signer(now, await followed(place.dataset.keys.split(" "), place.dataset.signatures.split(" ").filter(Boolean), now.origin));
    const seen = { size: now.size, root: hex(now.root), note: now.note, keys: place.dataset.keys, when: new Date().toISOString() };
    if (before) {
      const last = `On ${new Date(before.when).toLocaleString()} this browser saw ${counted(before.size)}`;
      if (!place.dataset.keys.startsWith(before.keys)) return alarm("The ledger's key is another one", `${last}, signed by ${before.keys}. That key did not name the one that signs now. Believe nothing until you know why.`, before, now.note);
      if (now.size < before.size) return alarm("Entries are gone", `${last}; now the ledger shows only ${counted(now.size)}. Nothing may ever be taken out.`, before, now.note);
      const holdsTo = await isPrefix(before.size, fromHex(before.root), now.size, now.root, answer.proof.map(fromHex));
      if (!holdsTo) return alarm("History was rewritten", `${last}. The ledger cannot show that these are still the beginning of what it holds now: entries were changed or taken out.`, before, now.note);
    }
    all[place.dataset.origin] = seen;
    try { localStorage.setItem(KEPT, JSON.stringify(all)); } catch { /* nothing can be kept here: then nothing can be compared next time */ }
    const box = document.getElementById("watch");
    box.hidden = false;
    box.className = "watched";
    box.textContent = before
      ? `Unchanged since your last visit: the ${counted(before.size)} of ${new Date(before.when).toLocaleDateString()} are the beginning of the ${counted(now.size)} of now.`
      : `This browser keeps the checkpoint of ${counted(now.size)}, and tells you if anything before it should ever change.`;
    if (holds === null) box.textContent += " (It cannot check the signature itself.)";
    return key;
  }

  // ---- beginning

  async function begin() {
    const proof = document.getElementById("proof"), dropped = document.getElementById("dropped"), place = proof || dropped;
    if (!place) return;
    if (!globalThis.crypto || !crypto.subtle) {
      verdict("unproven", "Not checked", "Browsers check proofs only on pages that come by https. Take the receipt, and check it with the program.");
      return;
    }
    if (proof) {
      const bytes = document.getElementById("bytes");
      const answer = await fetch(proof.dataset.receipt, { cache: "no-store" });
      if (!answer.ok) verdict("unproven", "Not checked", "The ledger gave no receipt. Load the page again.");
      else await checkReceipt(proof, await answer.text(), { index: Number(proof.dataset.index), bytes: bytes && !bytes.dataset.shortened ? bytes.textContent : null });
    }
    if (dropped) listen(dropped);
    await watch(place).catch((error) => {
      if (!(error instanceof Fails)) throw error;
      document.getElementById("watch").hidden = false;
      document.getElementById("watch").replaceChildren(made("p", `The newest checkpoint does not hold: ${error.message}.`, "rewritten"));
    });
  }

  function listen(place) {
    const chosen = document.getElementById("receipt"), area = chosen.closest(".drop");
    const read = async (file) => file && checkReceipt(place, await file.text());
    chosen.addEventListener("change", () => read(chosen.files[0]));
    for (const name of ["dragover", "dragleave", "drop"]) {
      area.addEventListener(name, (event) => { event.preventDefault(); area.classList.toggle("over", name === "dragover"); });
    }
    area.addEventListener("drop", (event) => read(event.dataTransfer.files[0]));
  }

  begin();
})();
