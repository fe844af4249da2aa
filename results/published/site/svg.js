// What the pages that draw have in common: SVG elements, numbers as text, the state in the address.
"use strict";

// --- SVG -------------------------------------------------------------------------------------------------------------

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const rounded = (number) => Math.round(number * 100) / 100;
const line = (x1, y1, x2, y2, attributes) =>
  element("line", { x1: rounded(x1), y1: rounded(y1), x2: rounded(x2), y2: rounded(y2), ...attributes });
const dot = (cx, cy, r, style) => element("circle", { cx: rounded(cx), cy: rounded(cy), r, class: style });
const label = (x, y, text, anchor = "middle") => element("text", { x, y, "text-anchor": anchor }, text);

// --- numbers -----------------------------------------------------------------------------------------------------------

const SUPERSCRIPT = { "-": "⁻", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((sign, digit) => [digit, sign])) };
const power = (exponent) => `10${[...String(exponent)].map((sign) => SUPERSCRIPT[sign]).join("")}`;

function number(value) {
  if (value === null) return "not finite";
  if (value === 0 || Math.abs(value) >= 0.001) return String(Number(value.toPrecision(3))).replace("-", "−");
  const [digits, exponent] = value.toExponential(1).split("e");
  return `${digits.replace("-", "−")} × ${power(Number(exponent))}`;
}

// --- plots -------------------------------------------------------------------------------------------------------------

const joined = (points) => points.map((point) => point.map(rounded).join(",")).join(" ");

function niceStep(range) {
  const rough = range / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((k) => k * unit).find((step) => step >= rough);
}

// --- what is chosen: it stands in the address, as #name=value&name=value -------------------------------------------------

const address = () => new URLSearchParams(location.hash.slice(1));

// An empty value is left out.
function keepInAddress(values, said = address()) {
  for (const [name, value] of Object.entries(values)) value === "" ? said.delete(name) : said.set(name, value);
  history.replaceState(null, "", `#${said}`);
}

// One radio button for each [value, text]; chosen is called with the value.
function choices(fieldset, options, current, chosen) {
  fieldset.append(
    ...options.map(([value, text]) => {
      const radio = Object.assign(document.createElement("input"), { type: "radio", name: fieldset.id, value, checked: value === current });
      radio.addEventListener("change", () => chosen(value));
      const option = document.createElement("label");
      option.append(radio, ` ${text}`);
      return option;
    }),
  );
}
