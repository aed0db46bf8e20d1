// Pictures: small SVG drawings that stretch with the page, with their figures beside them as text.

// Scores with their intervals on one scale, a line each; `at` is a score to compare with, `within`
// what else is drawn on the same scale elsewhere.
function intervals(lines, columns, at = null, within = lines) {
  const ends = within.flatMap((line) => [
    line.low ?? line.score,
    line.high ?? line.score,
    line.score,
  ]);
  const [low, high] = limits(Math.min(...ends), Math.max(...ends));
  const head = el(
    "tr",
    {},
    el("th", { scope: "col" }, columns.first),
    el("td", { class: "picture" }, axis(low, high)),
    columns.titles.map((title) => el("th", { scope: "col", class: "number" }, title)),
  );
  const rows = lines.map((line) =>
    el(
      "tr",
      { class: line.student ? "own" : null },
      el("th", { scope: "row" }, line.name),
      el("td", { class: "picture" }, whisker(line, low, high, at)),
      columns
        .cells(line)
        .map((cell, n) =>
          el("td", { class: "number", "data-title": cell === "" ? null : columns.titles[n] }, cell),
        ),
    ),
  );
  return el(
    "div",
    { class: "wide" },
    el("table", { class: "intervals" }, el("thead", {}, head), el("tbody", {}, rows)),
  );
}

function limits(low, high) {
  const room = Math.max((high - low) * 0.06, (measure.high - measure.low) * 0.01);
  return [Math.max(measure.low, low - room), Math.min(measure.high, high + room)];
}

function axis(low, high) {
  return el(
    "span",
    { class: "axis", "aria-hidden": "true" },
    el("span", {}, score(low)),
    el("span", {}, score(high)),
  );
}

function whisker(line, low, high, at) {
  const x = (value) => (100 * (value - low)) / (high - low || 1);
  const stroke = { "vector-effect": "non-scaling-stroke" };
  const label = `${line.name}: ${line.shown}, ${line.ends}`;
  return svg(
    "svg",
    {
      viewBox: "0 0 100 20",
      preserveAspectRatio: "none",
      class: "whisker",
      role: "img",
      "aria-label": label,
    },
    svg("line", { x1: 0, x2: 100, y1: 10, y2: 10, class: "rail", ...stroke }),
    at === null
      ? null
      : svg("line", { x1: x(at), x2: x(at), y1: 0, y2: 20, class: "guide", ...stroke }),
    line.low === null || line.low === undefined
      ? null
      : svg("line", {
          x1: x(line.low),
          x2: x(line.high),
          y1: 10,
          y2: 10,
          class: "range",
          ...stroke,
        }),
    svg("line", { x1: x(line.score), x2: x(line.score), y1: 10, y2: 10, class: "dot", ...stroke }),
  );
}

// One bar of shares that add up to one.
function shares(parts, label) {
  let from = 0;
  const bars = parts.map(({ name, share }) => {
    const bar = svg("rect", {
      x: 100 * from,
      y: 0,
      width: 100 * share,
      height: 10,
      class: `status ${name}`,
    });
    from += share;
    return bar;
  });
  return svg(
    "svg",
    {
      viewBox: "0 0 100 10",
      preserveAspectRatio: "none",
      class: "shares",
      role: "img",
      "aria-label": label,
    },
    bars,
  );
}

// A curve of each seed over the steps of its training.
function curves(title, series, write) {
  const points = series.flatMap(({ steps, values }) => steps.map((step, n) => [step, values[n]]));
  const known = points.filter(([, value]) => value !== null);
  const [first, last] = [known[0][0], Math.max(...known.map(([step]) => step))];
  const values = known.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const place = ([step, value]) => {
    const x = (100 * (step - first)) / (last - first || 1);
    const y = 46 - (42 * (value - low)) / (high - low || 1);
    return `${x.toFixed(2)},${y.toFixed(2)}`;
  };
  const lines = series.map(({ steps, values: own }, n) =>
    svg("polyline", {
      points: steps
        .map((step, m) => [step, own[m]])
        .filter(([, value]) => value !== null)
        .map(place)
        .join(" "),
      class: `curve c${n % 5}`,
      "vector-effect": "non-scaling-stroke",
    }),
  );
  const ends = series.map(
    ({ name, values: own }) => `${name} from ${write(own[0])} to ${write(own[own.length - 1])}`,
  );
  return el(
    "figure",
    {},
    el("figcaption", {}, title),
    el(
      "div",
      { class: "plot" },
      el("span", { class: "top" }, write(high)),
      el("span", { class: "bottom" }, write(low)),
      svg(
        "svg",
        {
          viewBox: "0 0 100 50",
          preserveAspectRatio: "none",
          role: "img",
          "aria-label": `${title}: ${ends.join("; ")}`,
        },
        lines,
      ),
    ),
    el(
      "p",
      { class: "quiet ends" },
      el("span", {}, `step ${count(first)}`),
      el("span", {}, count(last)),
    ),
    series.length > 1
      ? el(
          "p",
          { class: "legend" },
          series.map(({ name }, n) => el("span", { class: `key c${n % 5}` }, name)),
        )
      : null,
  );
}

// How often each label is taken for which: a matrix where all pairs are known, else the worst pairs.
function confusion(pairs) {
  const labels = [...new Set(pairs.map(([gold]) => gold))].sort();
  const whole = pairs.some(([gold, predicted]) => gold === predicted) && labels.length <= 12;
  if (!whole) {
    const cells = ([gold, predicted, rows]) => [gold, predicted ?? "no label", count(rows)];
    return plain(["Label", "taken for", "Rows"], pairs.map(cells), [2]);
  }
  const columns = [
    ...labels,
    ...(pairs.some(([, predicted]) => !labels.includes(predicted)) ? [null] : []),
  ];
  const known = new Map(
    pairs.map(([gold, predicted, rows]) => [
      JSON.stringify([gold, labels.includes(predicted) ? predicted : null]),
      rows,
    ]),
  );
  const totals = new Map(
    labels.map((gold) => [
      gold,
      pairs.filter(([each]) => each === gold).reduce((sum, [, , rows]) => sum + rows, 0),
    ]),
  );
  const head = el(
    "tr",
    {},
    el("td", {}, "label ↓ said →"),
    columns.map((name) => el("th", { scope: "col" }, name ?? "no label")),
  );
  const body = labels.map((gold) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, gold),
      columns.map((predicted) => {
        const rows = known.get(JSON.stringify([gold, predicted])) ?? 0;
        const cell = el(
          "td",
          { class: gold === predicted ? "cell right" : "cell wrong" },
          count(rows),
        );
        cell.style.setProperty("--share", `${Math.round((60 * rows) / (totals.get(gold) || 1))}%`);
        return cell;
      }),
    ),
  );
  return el(
    "div",
    { class: "wide" },
    el("table", { class: "confusion" }, el("thead", {}, head), el("tbody", {}, body)),
  );
}

// A table of texts; `numbers` are the columns of figures.
function plain(titles, lines, numbers = []) {
  const of = (tag, cells, extra = {}) =>
    el(
      "tr",
      {},
      cells.map((cell, n) =>
        el(tag, { class: numbers.includes(n) ? "number" : null, ...extra }, cell),
      ),
    );
  return el(
    "div",
    { class: "wide" },
    el(
      "table",
      {},
      el("thead", {}, of("th", titles, { scope: "col" })),
      el(
        "tbody",
        {},
        lines.map((line) => of("td", line)),
      ),
    ),
  );
}
