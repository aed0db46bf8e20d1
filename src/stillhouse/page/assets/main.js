// Tabs, the address, and the keyboard.

const tabs = ["summary", "rows"];
let list = null;

document.getElementById("title").textContent = facts.title;
document.body.classList.toggle("formulas", facts.metric === "latex");

function failed(error) {
  const failure = document.getElementById("failure");
  failure.hidden = false;
  replace(failure, `The rows cannot be shown: ${error.message}`);
}

function selectTab(name) {
  for (const each of tabs) {
    const tab = document.getElementById(`tab-${each}`);
    tab.setAttribute("aria-selected", String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
    document.getElementById(each).hidden = each !== name;
  }
}

// The address says what is seen: nothing for the summary, else what the list is narrowed down to
// and the row that is open.
function address(over = {}) {
  const wanted = new URLSearchParams({ ...list.chosen, ...over });
  return `#${wanted.size ? wanted : "rows"}`;
}

function go(to) {
  history.replaceState(null, "", to);
  follow();
}

function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const away = !location.hash || wanted.has("summary");
  selectTab(away ? "summary" : "rows");
  if (away || !list) return;
  list.choose(wanted);
  show(wanted.get("row"));
}

function show(id) {
  const shown = document.getElementById("trace");
  const page = document.getElementById("rows");
  page.classList.toggle("open", id !== null);
  const { places } = list.rows;
  // A plus sign that somebody wrote as it is would be a space.
  const place =
    id === null ? list.found[0] : (places.get(id) ?? places.get(id.replaceAll(" ", "+")));
  if (id === null && place === undefined) {
    list.show(null);
    replace(shown, el("p", { class: "quiet" }, "No row is found."));
  } else if (place === undefined) {
    list.show(null);
    const sampled =
      list.rows.total > list.rows.length ? " It may be one that the sample left out." : "";
    replace(shown, el("p", {}, `This page has no row ${id}.${sampled}`));
  } else {
    list.show(place);
    const step = (by, name) => {
      const next = list.beyond(by);
      return el(
        "button",
        { disabled: next === null, click: () => next !== null && go(address({ row: next })) },
        name,
      );
    };
    const bar = el(
      "p",
      { class: "bar" },
      el("button", { class: "back", click: () => go(address()) }, "Back to the list"),
      step(-1, "Previous"),
      step(1, "Next"),
      el(
        "a",
        { href: `#${new URLSearchParams({ row: list.rows.ids[place] })}` },
        "Link to this row",
      ),
      el("span", { class: "quiet keys" }, "j and k or the arrows go on and back, / searches"),
    );
    replace(shown, bar, trace(list.rows, place, links));
    shown.scrollTop = 0;
    // To a screen reader its heading is told, not all of it at each step.
    replace(document.getElementById("opened"), shown.querySelector("h2").innerText);
  }
}

// To other rows that the page has.
const links = {
  to: (id) => (list.rows.places.has(id) ? el("a", { href: address({ row: id }) }, id) : id),
  heading: (id) =>
    list.rows.places.has(id) ? heading(list.rows.columns.query[list.rows.places.get(id)]) : "",
};

function pressed(event) {
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    document.getElementById("rows").hidden ||
    !list
  )
    return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "Escape" && typing) typing.blur();
  if (typing || event.target.closest("[role=tab]")) return;
  const inList = event.target === document.body || event.target.closest(".list");
  const steps = {
    j: 1,
    k: -1,
    ArrowRight: 1,
    ArrowLeft: -1,
    ...(inList ? { ArrowDown: 1, ArrowUp: -1 } : {}),
  };
  if (event.key === "/") {
    event.preventDefault();
    list.search.focus();
  } else if (event.key in steps) {
    event.preventDefault();
    const next = list.beyond(steps[event.key]);
    if (next !== null) go(address({ row: next }));
  }
}

for (const name of tabs) {
  const tab = document.getElementById(`tab-${name}`);
  tab.addEventListener("click", () =>
    go(name === "summary" ? "#summary" : list ? address() : "#rows"),
  );
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const next = document.getElementById(`tab-${tabs[1 - tabs.indexOf(name)]}`);
    next.click();
    next.focus();
  });
}

add(document.getElementById("summary"), facts.study ? studyView(facts.study) : summaryView());
window.addEventListener("hashchange", follow);
document.addEventListener("keydown", pressed);
follow();

function withRows(rows) {
  list = new List(rows, { link: (id) => address({ row: id }) });
  replace(
    document.getElementById("rows"),
    list.node,
    el("section", { id: "trace", tabindex: "-1", "aria-label": "The open row" }),
    el("p", { id: "opened", class: "unseen", role: "status" }),
  );
  const changed = () => go(address());
  list.search.addEventListener("input", changed);
  list.node.querySelectorAll("select").forEach((each) => each.addEventListener("change", changed));
  list.choose(new URLSearchParams());
  follow();
}

function ready() {
  document.documentElement.dataset.ready = "true";
}

if (facts.study) {
  document.querySelector("nav").hidden = true;
  ready();
} else unpacked().then(withRows).then(ready).catch(failed);
