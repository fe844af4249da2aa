// The choice of theme.js, told to the theme of these pages, which keeps one of its own.
"use strict";

root.dataset.mode = stored() ?? "auto";
root.dataset.theme = stored() ?? (systemDark.matches ? "dark" : "light");
