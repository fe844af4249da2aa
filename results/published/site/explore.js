// Figure 10 with a budget that moves, and Figure 16 with a start that turns.
"use strict";

const FRAME = { left: 52, right: 560, top: 12, bottom: 276 };
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (value) => `${Number(value.toPrecision(2))} %`;
const dataOf = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
const shown = (id) => {
  const box = document.getElementById(id).closest(".interactive");
  box.hidden = false;
};
const paint = (id, parts) => document.getElementById(id).replaceChildren(...parts);

function axes(across, up, acrossTicks, upTicks, names) {
  return [
    ...upTicks.map(([value]) => line(FRAME.left, up(value), FRAME.right, up(value), { class: "grid" })),
    ...upTicks.map(([value, text]) => label(FRAME.left - 8, up(value) + 4, text, "end")),
    ...acrossTicks.map(([value, text]) => label(across(value), FRAME.bottom + 25, text)),
    label((FRAME.left + FRAME.right) / 2, FRAME.bottom + 46, names),
  ];
}

// --- the budget --------------------------------------------------------------------------------------------------------

function exploreBudget(data) {
  const COUNTS = { kept: "eigenvalues kept", live: "neurons still live" };
  const slider = document.getElementById("budget-value");
  const select = document.getElementById("ensemble");
  const said = address();
  const nearest = (value) => data.budgets.reduce((best, budget, k) => (Math.abs(Math.log(budget / value)) < Math.abs(Math.log(data.budgets[best] / value)) ? k : best), 0);
  const choice = {
    place: Number(said.get("budget")) > 0 ? nearest(Number(said.get("budget"))) : data.papers,
    ensemble: data.ensembles.find((one) => one.name === said.get("penalty")) ?? data.ensembles[0],
    count: said.get("count") in COUNTS ? said.get("count") : "live",
  };
  const low = Math.log10(data.budgets[0]);
  const high = Math.log10(data.budgets.at(-1));
  const across = (budget) => FRAME.left + ((Math.log10(budget) - low) / (high - low)) * (FRAME.right - FRAME.left);

  function show() {
    const { ensemble, count, place } = choice;
    const top = Math.max(...ensemble.seeds.flatMap((seed) => seed[count]), data.asked[1]);
    const up = (value) => FRAME.bottom - (value / top) * (FRAME.bottom - FRAME.top);
    const step = niceStep(top);
    const ticks = Array.from({ length: Math.floor(top / step) + 1 }, (_, k) => [k * step, String(k * step)]);
    const budget = data.budgets[place];
    paint("budget-plot", [
      element("rect", { x: FRAME.left, y: up(data.asked[1]), width: FRAME.right - FRAME.left, height: up(data.asked[0]) - up(data.asked[1]), class: "region" }),
      ...axes(across, up, [0.1, 1, 10, 100].map((each) => [each, percent(each)]), ticks, `the loss may grow by; upwards: ${COUNTS[count]}`),
      ...ensemble.seeds.map((seed) => element("polyline", { points: joined(seed[count].map((value, k) => [across(data.budgets[k]), up(value)])), class: "seed" })),
      line(across(budget), FRAME.top, across(budget), FRAME.bottom, { class: "here" }),
      ...ensemble.seeds.map((seed) => dot(across(budget), up(seed[count][place]), 3.5, "shown")),
    ]);
    const counts = ensemble.seeds.map((seed) => seed[count][place]);
    const inside = counts.filter((value) => value >= data.asked[0] && value <= data.asked[1]).length;
    document.getElementById("budget-said").textContent =
      `${counts.length} seed${counts.length > 1 ? "s" : ""}: ${number(mean(counts))} ${COUNTS[count]} on average, from ${Math.min(...counts)} to ${Math.max(...counts)}. ` +
      `${inside} of ${counts.length} lie in ${data.asked[0]} to ${data.asked[1]}. R² is ${number(mean(ensemble.seeds.map((seed) => seed.r2[place])))} on average.`;
    document.getElementById("budget-text").textContent = percent(budget);
    slider.value = place;
    slider.setAttribute("aria-valuetext", percent(budget));
    select.value = ensemble.name;
  }

  function change(values, kept) {
    Object.assign(choice, values);
    keepInAddress(kept);
    show();
  }

  slider.max = data.budgets.length - 1;
  slider.addEventListener("input", () => change({ place: Number(slider.value) }, { budget: data.budgets[slider.value] }));
  select.append(...data.ensembles.map(({ name, label: text, seeds }) => new Option(`${text} (${seeds.length})`, name)));
  select.addEventListener("change", () => change({ ensemble: data.ensembles[select.selectedIndex] }, { penalty: select.value }));
  choices(document.getElementById("counted"), Object.entries(COUNTS), choice.count, (count) => change({ count }, { count }));
  shown("budget-plot");
  show();
}

// --- the start ---------------------------------------------------------------------------------------------------------

function exploreStart(data) {
  const said = address();
  const pick = (name, options) => (said.get(name) in options ? said.get(name) : Object.keys(options)[0]);
  const imagesKept = { "": "plain", _augmented: "augmented" };
  const choice = {
    start: pick("start", data.starts),
    images: Object.keys(imagesKept).find((key) => imagesKept[key] === said.get("images")) ?? "_augmented",
  };
  const every = Object.values(data.curves).flatMap((byImages) => Object.values(byImages).flatMap((byCurve) => Object.values(byCurve).flat(2))).filter((value) => value !== null);
  const [least, most] = [Math.floor(Math.min(...every) / 10) * 10, Math.ceil(Math.max(...every) / 10) * 10];
  const last = data.epochs.at(-1);
  const across = (epoch) => FRAME.left + (epoch / last) * (FRAME.right - FRAME.left);
  const up = (accuracy) => FRAME.bottom - ((accuracy - least) / (most - least || 1)) * (FRAME.bottom - FRAME.top);
  const points = (curve) => joined(curve.flatMap((value, k) => (value === null ? [] : [[across(data.epochs[k]), up(value)]])));
  const means = (curves) => data.epochs.map((_, k) => curves.map((curve) => curve[k]).filter((value) => value !== null)).map((values) => (values.length ? mean(values) : null));

  function show() {
    const curves = data.curves[choice.start][choice.images];
    const ticks = Array.from({ length: (most - least) / 10 + 1 }, (_, k) => [least + 10 * k, `${least + 10 * k}`]);
    const step = niceStep(last);
    const epochs = Array.from({ length: Math.floor(last / step) + 1 }, (_, k) => [k * step, String(k * step)]);
    const ends = Object.fromEntries(Object.entries(curves).map(([name, each]) => [name, means(each).at(-1)]));
    paint("start-plot", [
      ...axes(across, up, epochs, ticks, "epoch; upwards: validation accuracy, %"),
      ...Object.entries(curves).flatMap(([name, each]) => [
        ...each.map((curve) => element("polyline", { points: points(curve), class: `curve thin ${name.toLowerCase()}` })),
        element("polyline", { points: points(means(each)), class: `curve ${name.toLowerCase()}` }),
      ]),
      ...Object.entries(data.papers).flatMap(([name, value]) =>
        value < least || value > most ? [] : [line(FRAME.right + 4, up(value), FRAME.right + 16, up(value), { class: `curve ${name.toLowerCase()}` }), label(FRAME.right + 20, up(value) + 4, String(value), "start")],
      ),
    ]);
    const kinds = Object.entries(ends).map(([name, value]) => `${name === "pruned" ? "with λ₂ := 0" : name} ${value === null ? "nothing" : number(value)}`);
    const trials = curves.SPARCS.length;
    document.getElementById("start-said").textContent =
      `After epoch ${last}, % on average of ${trials} trial${trials > 1 ? "s" : ""}: ${kinds.join(", ")}. SPARCS gains ${number(ends.SPARCS - ends.linear)} points over linear and loses ${number(ends.SPARCS - ends.pruned)} without its hidden layer.`;
  }

  choices(document.getElementById("sign"), Object.entries(data.starts), choice.start, (start) => {
    choice.start = start;
    keepInAddress({ start });
    show();
  });
  choices(document.getElementById("images"), Object.entries(data.images), choice.images, (images) => {
    choice.images = images;
    keepInAddress({ images: imagesKept[images] });
    show();
  });
  shown("start-plot");
  show();
}

const budgetData = dataOf("budget-data");
const startData = dataOf("start-data");
if (budgetData) exploreBudget(budgetData);
if (startData) exploreStart(startData);
