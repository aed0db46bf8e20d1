// The list of rows: searched, narrowed down, sorted; only what is seen is in the document.

const HEIGHT = 60; // pixels of an item, as in the style sheet
const ABOVE = 8; // items drawn beyond what is seen, on either side

class List {
  constructor(rows, open) {
    Object.assign(this, { rows, open, found: [], current: null, applied: null });
    this.facets = facetsOf(rows);
    this.sorts = sortsOf(rows);
    this.space = el("div", { class: "space", role: "list" });
    this.view = el(
      "div",
      {
        class: "list",
        tabindex: "0",
        role: "group",
        "aria-label": "Rows found",
        scroll: () => this.draw(),
      },
      this.space,
    );
    this.said = el("p", { class: "quiet", role: "status" });
    this.search = el("input", {
      type: "search",
      id: "search",
      placeholder: "Search",
      "aria-label": "Search rows",
      autocomplete: "off",
    });
    this.selects = new Map(
      this.facets
        .filter(({ values }) => values.size)
        .map((facet) => [facet.name, this.select(facet)]),
    );
    this.sort = el(
      "select",
      { id: "sort" },
      this.sorts.map(({ name, title }) => el("option", { value: name }, title)),
    );
    this.node = el(
      "section",
      { class: "finder", "aria-label": "Find rows" },
      this.search,
      el(
        "details",
        { class: "facets", open: true },
        el("summary", {}, "Narrow down"),
        el(
          "div",
          { class: "selects" },
          [...this.selects].map(([name, select]) =>
            el(
              "label",
              {},
              el("span", {}, this.facets.find((each) => each.name === name).title),
              select,
            ),
          ),
          el("label", {}, el("span", {}, "Sort"), this.sort),
        ),
      ),
      this.said,
      this.view,
    );
    if (matchMedia("(max-width: 50rem)").matches) this.node.querySelector("details").open = false;
    new ResizeObserver(() => this.draw()).observe(this.view);
  }

  select(facet) {
    const options = [...facet.values].map(([value, rows]) =>
      el("option", { value }, `${excerpt(value, 40)} (${count(rows)})`),
    );
    return el("select", { id: `facet-${facet.name}` }, el("option", { value: "" }, "all"), options);
  }

  // What is chosen, for the address; and the other way round.
  get chosen() {
    const found = { q: this.search.value, sort: this.sort.value };
    for (const [name, select] of this.selects) found[name] = select.value;
    return Object.fromEntries(Object.entries(found).filter(([, value]) => value));
  }

  choose(wanted) {
    this.search.value = wanted.get("q") ?? "";
    this.sort.value = wanted.get("sort") ?? "";
    if (this.sort.selectedIndex < 0) this.sort.value = "";
    for (const [name, select] of this.selects) {
      select.value = wanted.get(name) ?? "";
      if (select.selectedIndex < 0) select.value = "";
    }
    const applied = JSON.stringify(this.chosen);
    if (applied !== this.applied) this.find();
    this.applied = applied;
  }

  find() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = this.facets
      .filter(({ name }) => this.selects.get(name)?.value)
      .map(({ name, of }) => [of, this.selects.get(name).value]);
    const places = [];
    for (let n = 0; n < this.rows.length; n++) {
      if (!wanted.every(([of, value]) => of(n).includes(value))) continue;
      if (words.length && !words.every((word) => this.rows.text(n).includes(word))) continue;
      places.push(n);
    }
    const { key } = this.sorts.find(({ name }) => name === this.sort.value);
    if (this.sort.value) {
      const keys = new Map(places.map((n) => [n, key(n)]));
      places.sort((a, b) =>
        keys.get(a) < keys.get(b) ? -1 : keys.get(a) > keys.get(b) ? 1 : a - b,
      );
    }
    this.found = places;
    const total = this.rows.total;
    const sampled =
      total > this.rows.length
        ? `, a sample of ${count(total)}: the test rows first, others drawn by their ids`
        : "";
    replace(this.said, `${count(places.length)} of ${count(this.rows.length)} rows${sampled}`);
    this.space.style.height = `${places.length * HEIGHT}px`;
    this.view.scrollTop = 0;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.view.scrollTop / HEIGHT) - ABOVE);
    const last = Math.min(
      this.found.length,
      Math.ceil((this.view.scrollTop + this.view.clientHeight) / HEIGHT) + ABOVE,
    );
    const items = [];
    for (let at = first; at < last; at++) items.push(this.item(at));
    replace(this.space, items);
  }

  item(at) {
    const place = this.found[at];
    const { columns } = this.rows;
    const marks = [];
    if (columns.score[place] !== null) marks.push(["student", judged(columns.score[place])]);
    if (columns.teacher[place] !== null && !measure.graded)
      marks.push(["teacher", judged(columns.teacher[place], BY_GOLD)]);
    const change = this.rows.packed.other ? changes(this.rows, place)[0] : null;
    const item = el(
      "a",
      {
        class: "item",
        href: this.open.link(columns.id[place]),
        role: "listitem",
        "aria-setsize": this.found.length,
        "aria-posinset": at + 1,
        "aria-current": place === this.current ? "true" : null,
      },
      el(
        "span",
        { class: "line" },
        el("span", { class: "id" }, columns.id[place]),
        marks.map(([who, { word, look }]) => badge(`${who} ${word}`, look)),
        change === "better" || change === "worse"
          ? badge(change, change === "better" ? "good" : "bad")
          : null,
      ),
      el("span", { class: "query", dir: "auto" }, heading(columns.query[place])),
    );
    item.style.top = `${at * HEIGHT}px`;
    return item;
  }

  // Mark a row as open, and bring it into view.
  show(place) {
    this.current = place;
    const at = this.found.indexOf(place);
    if (at >= 0) {
      const top = at * HEIGHT;
      const seen = this.view.scrollTop;
      if (top < seen || top + HEIGHT > seen + this.view.clientHeight)
        this.view.scrollTop = Math.max(0, top - this.view.clientHeight / 2);
    }
    this.draw();
  }

  // The id of the row that many further on; the first one where none is open.
  beyond(step) {
    const at = this.found.indexOf(this.current);
    const next = at < 0 ? 0 : at + step;
    return next >= 0 && next < this.found.length ? this.rows.ids[this.found[next]] : null;
  }
}
