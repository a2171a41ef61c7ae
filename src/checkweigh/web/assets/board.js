// What every page does when scripts are on: forms marked data-auto send themselves when a choice changes.
"use strict";
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", () => form.requestSubmit());
  form.classList.add("auto");
}
