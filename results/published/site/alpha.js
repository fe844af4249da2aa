// Draws the stored network of the chosen α and β: network, fitted surface, hidden path and eigenvalues.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const betas = [...new Set(data.sets.map((set) => set.beta))].sort((a, b) => a - b);
const INPUTS = ["x₁", "x₂", "1"];
const slider = document.getElementById("alpha");
const picker = document.getElementById("trial");
const choice = { beta: betas[0], alpha: 0.5, trial: 0 };

const setsOf = (beta) => data.sets.filter((set) => set.beta === beta);
const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value ?? 0)), 0);
const hiddenInUse = (set) => [...new Set(set.paths.map(([hidden]) => hidden))];
const strongSkips = (set) => set.skips.filter(([, weight]) => Math.abs(weight) > data.cutoff);

// --- the network -------------------------------------------------------------------------------------------------------

const LEFT = 50;
const MIDDLE = 210;
const RIGHT = 370;
const OUTPUT = 250;
const BAND = [14, 178];
const inputHeight = (input) => 222 + 28 * (input - 1);

// Hidden neurons ordered by the input that feeds them most: few lines cross.
function hiddenHeights(paths) {
  const sums = new Map();
  for (const [hidden, input, gamma] of paths) {
    const [moment, weight] = sums.get(hidden) ?? [0, 0];
    sums.set(hidden, [moment + Math.abs(gamma) * input, weight + Math.abs(gamma)]);
  }
  const ordered = [...sums].sort(([a, x], [b, y]) => x[0] / x[1] - y[0] / y[1] || a - b);
  const step = (BAND[1] - BAND[0]) / Math.max(ordered.length, 1);
  return new Map(ordered.map(([hidden], place) => [hidden, BAND[0] + step * (place + 0.5)]));
}

function lines(ends, strengths, full, style) {
  const opacity = Math.min(Math.max(40 / Math.max(ends.length, 1), 0.12), 0.85);
  return ends.map(([x1, y1, x2, y2], k) => {
    const width = 0.3 + 2.2 * Math.min(Math.abs(strengths[k]) / full, 1);
    return line(x1, y1, x2, y2, { class: style, "stroke-width": rounded(width), "stroke-opacity": rounded(opacity) });
  });
}

function drawNetwork(set) {
  const heights = hiddenHeights(set.paths);
  const out = new Map();
  for (const [hidden, , gamma] of set.paths) out.set(hidden, Math.hypot(out.get(hidden) ?? 0, gamma));
  const skips = strongSkips(set);
  document.getElementById("network").replaceChildren(
    element("rect", { x: MIDDLE - 9, y: BAND[0] - 6, width: 18, height: BAND[1] - BAND[0] + 12, rx: 7, class: "band" }),
    ...lines(skips.map(([input]) => [LEFT, inputHeight(input), RIGHT, OUTPUT]), skips.map(([, w]) => w), data.full[1], "skip"),
    ...lines(
      set.paths.map(([hidden, input]) => [LEFT, inputHeight(input), MIDDLE, heights.get(hidden)]),
      set.paths.map(([, , gamma]) => gamma),
      data.full[0],
      "path",
    ),
    ...lines([...out.keys()].map((hidden) => [MIDDLE, heights.get(hidden), RIGHT, OUTPUT]), [...out.values()], data.full[0], "path"),
    ...[...heights.values()].map((height) => dot(MIDDLE, height, heights.size > 60 ? 1.6 : 2.6, "path-dot")),
    ...INPUTS.map((_, k) => dot(LEFT, inputHeight(k + 1), 5, "node")),
    ...INPUTS.map((name, k) => label(LEFT - 14, inputHeight(k + 1) + 5, name, "end")),
    dot(RIGHT, OUTPUT, 5, "node"),
    label(RIGHT + 14, OUTPUT + 5, "y", "start"),
    label(MIDDLE + 18, BAND[0] + 8, `${heights.size} of ${data.hidden}`, "start"),
  );
}

// --- the fitted surface ------------------------------------------------------------------------------------------------

const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const heightsSeen = data.sets.flatMap((set) => set.surface).filter((value) => value !== null);
const LOWEST = heightsSeen.reduce((least, value) => Math.min(least, value), Infinity);
const HIGHEST = heightsSeen.reduce((most, value) => Math.max(most, value), -Infinity);
const AZIMUTH = -Math.PI / 3;
const ELEVATION = Math.PI / 6;

function color(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const from = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const mixed = VIRIDIS[from].map((c, k) => Math.round(c + (place - from) * (VIRIDIS[from + 1][k] - c)));
  return `rgb(${mixed})`;
}

// A point of the cube [−1, 1]³ seen from outside: screen x, screen y, depth.
function project(x, y, z) {
  const across = -x * Math.sin(AZIMUTH) + y * Math.cos(AZIMUTH);
  const towards = x * Math.cos(AZIMUTH) + y * Math.sin(AZIMUTH);
  const up = z * Math.cos(ELEVATION) - towards * Math.sin(ELEVATION);
  return [210 + 118 * across, 152 - 92 * up, towards];
}

const scaled = (value) => (2 * (value - LOWEST)) / (HIGHEST - LOWEST || 1) - 1;

function floorAndAxes() {
  const corner = (x, y, z) => project(x, y, z).slice(0, 2).map(rounded);
  const floor = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([x, y]) => corner(x, y, -1));
  const edge = (a, b) => line(...corner(...a), ...corner(...b), { class: "axis" });
  const [x1, x2] = [corner(0, -1, -1), corner(1, 0, -1)];
  const [low, high] = [corner(1, 1, -1), corner(1, 1, 1)];
  return [
    element("polygon", { points: floor.join(" "), class: "floor" }),
    edge([-1, -1, -1], [1, -1, -1]),
    edge([1, -1, -1], [1, 1, -1]),
    edge([1, 1, -1], [1, 1, 1]),
    label(x1[0] - 14, x1[1] + 22, "x₁"),
    label(x2[0] + 14, x2[1] + 18, "x₂"),
    label(low[0] + 8, low[1] + 4, number(Number(LOWEST.toPrecision(2))), "start"),
    label(high[0] + 8, high[1] + 4, number(Number(HIGHEST.toPrecision(2))), "start"),
  ];
}

function drawSurface(set) {
  const size = data.grid.length;
  const value = (i, j) => set.surface[i * size + j];
  const at = (i, j) => project(data.grid[i], data.grid[j], scaled(value(i, j)));
  const quads = [];
  for (let i = 0; i < size - 1; i++) {
    for (let j = 0; j < size - 1; j++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      if (corners.some(([a, b]) => value(a, b) === null)) continue;
      const points = corners.map(([a, b]) => at(a, b));
      const mean = corners.reduce((sum, [a, b]) => sum + value(a, b), 0) / 4;
      quads.push({ depth: points.reduce((sum, point) => sum + point[2], 0), points, mean });
    }
  }
  quads.sort((a, b) => a.depth - b.depth);
  document.getElementById("surface").replaceChildren(
    ...floorAndAxes(),
    ...quads.map(({ points, mean }) =>
      element("polygon", {
        points: points.map(([x, y]) => `${rounded(x)},${rounded(y)}`).join(" "),
        fill: color((scaled(mean) + 1) / 2),
        class: "facet",
      }),
    ),
  );
}

// --- ‖Γ‖ against α -----------------------------------------------------------------------------------------------------

const PLOT = { left: 50, right: 405, top: 14, bottom: 258 };
const TOP = 1.05 * largest(data.sets.flatMap((set) => [set.spread[1], set.gamma])) || 1;
const alphas = data.sets.map((set) => set.alpha);
const [FIRST, LAST] = [Math.min(...alphas), Math.max(...alphas)];
const acrossAlpha = (alpha) => PLOT.left + ((alpha - FIRST) / (LAST - FIRST || 1)) * (PLOT.right - PLOT.left);
const upNorm = (norm) => PLOT.bottom - (norm / TOP) * (PLOT.bottom - PLOT.top);

function normAxes() {
  const step = niceStep(TOP);
  const ticks = Array.from({ length: Math.floor(TOP / step) + 1 }, (_, k) => k * step);
  return [
    ...ticks.map((tick) => line(PLOT.left, upNorm(tick), PLOT.right, upNorm(tick), { class: "grid" })),
    ...ticks.map((tick) => label(PLOT.left - 8, upNorm(tick) + 4, number(tick), "end")),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => {
      const alpha = FIRST + share * (LAST - FIRST);
      return label(acrossAlpha(alpha), PLOT.bottom + 18, number(alpha));
    }),
    label((PLOT.left + PLOT.right) / 2, PLOT.bottom + 38, "degree of non-linearity α"),
  ];
}

function drawGamma(set) {
  const [, norm] = trialOf(set);
  const own = setsOf(set.beta).filter((one) => one.n > 0);
  const means = (sets) => joined(sets.map((one) => [acrossAlpha(one.alpha), upNorm(one.mean)]));
  const band = [
    ...own.map((one) => [acrossAlpha(one.alpha), upNorm(one.spread[1])]),
    ...own.toReversed().map((one) => [acrossAlpha(one.alpha), upNorm(one.spread[0])]),
  ];
  const others = betas.filter((beta) => beta !== set.beta).map((beta) => setsOf(beta).filter((one) => one.n > 0));
  document.getElementById("gamma").replaceChildren(
    ...normAxes(),
    element("polygon", { points: joined(band), class: "spread" }),
    ...others.map((sets) => element("polyline", { points: means(sets), class: "other-mean" })),
    element("polyline", { points: means(own), class: "mean" }),
    line(acrossAlpha(set.alpha), PLOT.top, acrossAlpha(set.alpha), PLOT.bottom, { class: "here" }),
    ...set.trials.filter(([, norm]) => norm !== null).map(([, norm]) => dot(acrossAlpha(set.alpha), upNorm(norm), 2.5, "trial")),
    ...(norm === null ? [] : [dot(acrossAlpha(set.alpha), upNorm(norm), 5.5, "shown")]),
  );
}

// --- eigenvalues -------------------------------------------------------------------------------------------------------

const LOWEST_DECADE = Math.log10(data.floor);
const HIGHEST_DECADE = Math.ceil(Math.log10(largest(data.sets.flatMap((set) => Object.values(set.eigenvalues).flat(2))) || 1));
const COLUMNS = { 1: [62, 108], 2: [140, 352], 3: [384, 384] };

function upDecade(value) {
  const decade = Math.max(Math.log10(Math.abs(value)), LOWEST_DECADE);
  return PLOT.bottom - ((decade - LOWEST_DECADE) / (HIGHEST_DECADE - LOWEST_DECADE)) * (PLOT.bottom - PLOT.top);
}

function drawEigenvalues(set) {
  const decades = Array.from({ length: HIGHEST_DECADE - LOWEST_DECADE + 1 }, (_, k) => LOWEST_DECADE + k);
  const place = ([from, to], k, count) => (count > 1 ? from + (k / (count - 1)) * (to - from) : (from + to) / 2);
  const hidden = set.eigenvalues[2];
  const ends = (layer) => set.eigenvalues[layer].map((value, k, all) => dot(place(COLUMNS[layer], k, all.length), upDecade(value), 4, "end-value"));
  document.getElementById("eigenvalues").replaceChildren(
    ...decades.map((decade) => line(PLOT.left, upDecade(10 ** decade), PLOT.right, upDecade(10 ** decade), { class: "grid" })),
    ...decades.map((decade) => label(PLOT.left - 8, upDecade(10 ** decade) + 4, power(decade), "end")),
    ...hidden.map(([value, used], k) => dot(place(COLUMNS[2], k, hidden.length), upDecade(value), 2.4, used ? "used" : "unused")),
    ...ends(1),
    ...ends(3),
    label(85, PLOT.bottom + 18, "λ₁"),
    label(246, PLOT.bottom + 18, "λ₂"),
    label(384, PLOT.bottom + 18, "λ₃"),
    label(85, PLOT.bottom + 36, "inputs"),
    label(246, PLOT.bottom + 36, `hidden neurons, sorted (${hidden.length})`),
    label(384, PLOT.bottom + 36, "output"),
  );
}

// --- what is shown, in words -------------------------------------------------------------------------------------------

function ofTrial(set) {
  const [trial, norm, r2, neurons] = trialOf(set);
  const where = `At α = ${number(set.alpha)}, β = ${set.beta} trial ${trial}`;
  if (norm === null) return `${where} diverged: there is nothing to say of it.`;
  return (
    `${where} uses ${neurons} of ${data.hidden} hidden neurons. ‖Γ‖ = ${number(norm)} (mean of ${set.n} networks ${number(set.mean)}). Fit: R² = ${r2.toFixed(4)}. ` +
    `The network, what it has learnt and its eigenvalues were stored for trial 0 alone, which stays drawn, pale.`
  );
}

function words(set) {
  if (choice.trial !== 0) return ofTrial(set);
  const where = `At α = ${number(set.alpha)}, β = ${set.beta}`;
  if (set.gamma === null) return `${where} the training of this network diverged: there is nothing to draw of it.`;
  const used = hiddenInUse(set).length;
  const skips = strongSkips(set).map(([input]) => INPUTS[input - 1]);
  const through = used ? `${used} of ${data.hidden} hidden neurons` : "no hidden neuron";
  const spread = set.spread[0] === null ? "" : `, 95 % of them ${number(set.spread[0])} to ${number(set.spread[1])}`;
  const sizes = [1, 2, 3].map((layer) => number(largest(set.eigenvalues[layer].map((value) => value[0] ?? value))));
  return (
    `${where} this network uses ${through}` +
    ` and ${skips.length ? `skips from ${skips.join(", ")}` : "no skip"}. ‖Γ‖ = ${number(set.gamma)}` +
    ` (mean of ${set.n} networks ${number(set.mean)}${spread}).` +
    ` Largest |λ₁| ${sizes[0]}, |λ₂| ${sizes[1]}, |λ₃| ${sizes[2]}. Fit: R² = ${set.r2.toFixed(4)}.`
  );
}

// --- the controls ------------------------------------------------------------------------------------------------------

const nearest = (sets) => sets.reduce((best, set) => (Math.abs(set.alpha - choice.alpha) < Math.abs(best.alpha - choice.alpha) ? set : best));
const trialOf = (set) => set.trials.find(([trial]) => trial === choice.trial) ?? set.trials[0];

function show() {
  const sets = setsOf(choice.beta);
  const set = nearest(sets);
  slider.max = sets.length - 1;
  slider.value = sets.indexOf(set);
  slider.setAttribute("aria-valuetext", `α = ${set.alpha}`);
  document.getElementById("alpha-value").textContent = set.alpha.toFixed(2);
  document.getElementById("state").textContent = words(set);
  drawNetwork(set);
  drawSurface(set);
  drawGamma(set);
  drawEigenvalues(set);
  for (const panel of ["network", "surface", "eigenvalues"]) document.getElementById(panel).classList.toggle("pale", choice.trial !== 0);
}

function change(values) {
  Object.assign(choice, values);
  keepInAddress(choice);
  show();
}

const said = address();
if (betas.includes(Number(said.get("beta")))) choice.beta = Number(said.get("beta"));
if (said.has("alpha") && said.get("alpha") >= FIRST && said.get("alpha") <= LAST) choice.alpha = Number(said.get("alpha"));
const numbers = setsOf(choice.beta)[0].trials.map(([trial]) => trial);
if (numbers.includes(Number(said.get("trial")))) choice.trial = Number(said.get("trial"));
picker.max = Math.max(...numbers);
picker.value = choice.trial;
picker.addEventListener("input", () => {
  if (numbers.includes(picker.valueAsNumber)) change({ trial: picker.valueAsNumber });
});
choices(document.getElementById("beta"), betas.map((beta) => [beta, `β = ${beta}`]), choice.beta, (beta) => change({ beta }));
slider.addEventListener("input", () => change({ alpha: setsOf(choice.beta)[slider.value].alpha }));
document.getElementById("explorer").hidden = false;
show();
