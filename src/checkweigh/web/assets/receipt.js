// Whoever comes here by a kept code brings, behind the #, the fingerprints of the entry and of the ledger: LEAF.SIZE.ROOT.
// The entry's is computed here, from the receipt; the ledger's is asked for at that size. Neither is sent to anybody.
"use strict";
const kept = document.getElementById("kept");
const brought = location.hash.slice(1).match(/^([\w-]{43})\.(\d+)\.([\w-]{43})$/);

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const short = (data) => btoa(String.fromCharCode(...new Uint8Array(data))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

async function leafOf(receipt) {
  const entry = bytesOf(receipt.split("\n").find((line) => line.startsWith("extra ")).slice(6));
  return short(await crypto.subtle.digest("SHA-256", new Uint8Array([0, ...entry])));
}

async function compare([, leaf, size, root]) {
  const answers = await Promise.all([fetch(location.pathname + "/file"), fetch(location.pathname + "/root?size=" + size)]);
  if (!answers[0].ok) throw new Error("no receipt");
  const same = (await leafOf(await answers[0].text())) === leaf;
  const whole = answers[1].ok && (await answers[1].json()).root === root;
  if (same && whole) return "The code that you kept fits: this entry, and everything before and beside it in the ledger of that day, stands as it stood.";
  if (!same) return "The code that you kept does not fit this entry. It is not what was written then. Keep the code, and show it to your representative.";
  return "The entry is the one of your code, but the ledger of that day is not: something in it was rewritten. Keep the code, and show it to your representative.";
}

if (brought && window.crypto && crypto.subtle) {
  kept.hidden = false;
  kept.textContent = "Comparing with the code that you kept …";
  compare(brought).then(
    (said) => { kept.textContent = said; },
    () => { kept.textContent = "The code that you kept could not be compared just now. Try again when the network is back."; },
  );
}
