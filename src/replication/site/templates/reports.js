// The reports of this run, in their order: each shows the ones before and behind it.
"use strict";

const reports = {{ reports|json|safe }};
const place = reports.findIndex(([file]) => location.pathname.endsWith(`/${file}`));
const neighbours = document.getElementById("neighbours");

for (const [step, rel, text] of [[-1, "prev", (title) => `← ${title}`], [1, "next", (title) => `${title} →`]]) {
  const report = place < 0 ? undefined : reports[place + step];
  if (!report) continue;
  neighbours.append(Object.assign(document.createElement("a"), { href: report[0], rel, textContent: text(report[1]) }));
  neighbours.hidden = false;
}
