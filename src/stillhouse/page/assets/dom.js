// Elements and text. What data and models say becomes text nodes here and nowhere else, so that no
// text can be markup; a character that would steer a reader is shown as its code.

const SVG = "http://www.w3.org/2000/svg";
const STEERING =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const LONG = 20_000; // characters that are shown at once

function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  add(node, children);
  return node;
}

function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    if (child instanceof Node) node.append(child);
    else addText(node, String(child));
  }
}

function addText(node, text) {
  let rest = text;
  for (let at = rest.search(STEERING); at >= 0; at = rest.search(STEERING)) {
    if (at) node.append(rest.slice(0, at));
    const code = rest.charCodeAt(at).toString(16).padStart(4, "0");
    const shown = document.createElement("span");
    shown.className = "steering";
    shown.title = "A control character of the text";
    shown.textContent = `\\u${code}`;
    node.append(shown);
    rest = rest.slice(at + 1);
  }
  if (rest) node.append(rest);
}

function replace(node, ...children) {
  node.textContent = "";
  add(node, children);
}

// A text of data as it stands, line breaks and all; `mark` is a part of it to be seen.
function block(text, mark = null, all = false) {
  const node = el("div", { class: "text", dir: "auto" });
  const end = all ? text.length : Math.min(text.length, LONG);
  if (mark && mark[0] < end) {
    const seen = el(
      "mark",
      { title: "Read as the answer" },
      text.slice(mark[0], Math.min(mark[1], end)),
    );
    add(node, [text.slice(0, mark[0]), seen, text.slice(Math.min(mark[1], end), end)]);
  } else add(node, [text.slice(0, end)]);
  if (end === text.length) return node;
  const label = `Show all ${count(text.length)} characters`;
  const more = el(
    "button",
    {
      class: "more",
      click: () => node.parentNode.replaceWith(el("div", {}, block(text, mark, true))),
    },
    label,
  );
  return el("div", {}, node, more);
}

// The beginning of a text, on one line.
function excerpt(text, length = 180) {
  const line = text
    .slice(0, 4 * length)
    .replace(/\s+/g, " ")
    .trim();
  return line.length > length || text.length > 4 * length ? `${line.slice(0, length)}…` : line;
}

function count(number) {
  return number.toLocaleString("en-US");
}
