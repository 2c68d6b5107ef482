// Light or dark, before anything is drawn: what was chosen here, else what the system says.
"use strict";
(() => {
  const kKey = "duolog-theme";
  const kModes = ["auto", "light", "dark"];
  const root = document.documentElement;
  let mode = "auto";
  try {
    mode = localStorage.getItem(kKey) ?? "auto";
  } catch {
    // A browser that keeps nothing follows the system.
  }
  const show = () => {
    if (mode === "auto") delete root.dataset.theme;
    else root.dataset.theme = mode;
    const button = document.getElementById("theme");
    if (!button) return;
    button.textContent = mode[0].toUpperCase() + mode.slice(1);
    button.title = `Colours: ${mode}`;
  };
  if (!kModes.includes(mode)) mode = "auto";
  show();
  addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      mode = kModes[(kModes.indexOf(mode) + 1) % kModes.length];
      try {
        localStorage.setItem(kKey, mode);
      } catch {
        // Then it is for this page only.
      }
      show();
    });
  });
})();
