// Sort the scorecard by its headings; without JavaScript it stands in the paper's order.
"use strict";

const body = document.querySelector("#claims tbody");
const headings = [...document.querySelectorAll("#claims th[data-sort]")];

function sort(heading) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  const key = heading.dataset.sort;
  const value = (row) => Number(row.dataset[key]);
  const order = (row) => Number(row.dataset.order);
  const rows = [...body.rows].sort(
    (a, b) => (descending ? value(b) - value(a) : value(a) - value(b)) || order(a) - order(b),
  );
  for (const other of headings) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  body.append(...rows);
}

for (const heading of headings) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = heading.textContent;
  button.title = `Sort by ${heading.textContent.trim().toLowerCase()}`;
  heading.replaceChildren(button);
  button.addEventListener("click", () => sort(heading));
}
