// Light or dark, and an open table of contents beside the text. The reader's system decides until the button does; the choice is kept where the browser allows it.
"use strict";

const THEME_KEY = "sparcs-theme";
const root = document.documentElement;
const systemDark = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null;
  }
}

function store(theme) {
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // a browser that keeps nothing for pages from disk
  }
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches;
}

if (stored()) root.dataset.theme = stored();

document.addEventListener("DOMContentLoaded", () => {
  const contents = document.querySelector("details.contents");
  if (contents) contents.open = matchMedia("(min-width: 70rem)").matches; // beside the text, where there is room
  const button = document.getElementById("theme");
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
  };
  button.hidden = false;
  label();
  systemDark.addEventListener("change", label);
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    store(root.dataset.theme);
    label();
  });
});
