// The reports of this run, in their order: each shows the ones before and behind it.
"use strict";

const reports = [["00_summary.html","What of the paper replicates?"],["01_theory.html","Do the paper's equations hold, and what does a zero eigenvalue do?"],["02_alpha_beta.html","Does the network recruit its hidden layer only when the data need it?"],["03_teacher_student.html","Does training find the teacher's one hidden layer?"],["04_cifar10.html","Does SPARCS beat a linear head on CIFAR-10, and with how many neurons?"],["05_cifar100.html","Does SPARCS leave a head linear on the features of a pre-trained network?"],["06_hyperparameters.html","Does the penalty work over a wide range of strengths?"],["07_baselines.html","Does SPARCS find smaller networks than other ways to search?"],["08_any_depth.html","Does the search still stop at one hidden layer when ten are allowed?"],["09_cells.html","On GAEA's own ground: does it find better cells than DARTS?"],["11_choosing.html","Choosing penalty, strength, rate and start"]];
const place = reports.findIndex(([file]) => location.pathname.endsWith(`/${file}`));
const neighbours = document.getElementById("neighbours");

for (const [step, rel, text] of [[-1, "prev", (title) => `← ${title}`], [1, "next", (title) => `${title} →`]]) {
  const report = place < 0 ? undefined : reports[place + step];
  if (!report) continue;
  neighbours.append(Object.assign(document.createElement("a"), { href: report[0], rel, textContent: text(report[1]) }));
  neighbours.hidden = false;
}