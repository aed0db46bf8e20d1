// The summary: what the student is worth, by how much, at what cost, and what the figures are of.

function summaryView() {
  const { summary, other } = facts;
  return [
    el(
      "section",
      { class: "verdict" },
      summary.verdict.map((line, n) => el(n ? "p" : "h2", {}, line)),
    ),
    other ? comparison(other) : null,
    card("Scores", `${measure.title} on ${count(summary.rows)} test rows`, scores(summary)),
    el(
      "div",
      { class: "cards" },
      summary.costs.length
        ? card("Cost", `${count(summary.answers)} answers of each model`, cost(summary))
        : null,
      summary.statuses.length
        ? card("Completions", "How the teacher's completions parsed", statuses(summary))
        : null,
      summary.confusion.length
        ? card(
            "Confusion",
            "What is taken for what, test rows of all seeds",
            confusion(summary.confusion),
          )
        : null,
      summary.breakdown.map(({ title, parts }) => card(title, measure.title, parted(parts))),
      training(summary),
      card("Run", "Data, models and their revisions", inputs(summary)),
    ),
    card(
      "What the figures are of",
      null,
      el(
        "ul",
        {},
        summary.notes.map((note) => el("li", {}, note)),
      ),
    ),
    card(
      "What to try next",
      null,
      el(
        "ul",
        {},
        summary.advice.map(({ command, reason }) =>
          el("li", {}, el("code", {}, command), el("br"), reason),
        ),
      ),
    ),
    card("Knobs", "As params.yaml has them", knobs(summary)),
  ];
}

function card(title, note, content) {
  return el(
    "section",
    { class: "card" },
    el("h2", {}, title),
    note ? el("p", { class: "quiet" }, note) : null,
    content,
  );
}

function scores(summary) {
  const own = summary.scores.findLast(({ student }) => student);
  const told = (line) =>
    line.lead ? [pValue(line.p), line.told_apart ? null : [" ", badge("not told apart")]] : "";
  const columns = {
    first: "Model",
    titles: [measure.title, "95% interval", `Student's lead${POINTS ? ", points" : ""}`, "p"],
    cells: (line) => [line.shown, line.ends, line.lead ?? "", told(line)],
  };
  return [
    intervals(summary.scores, columns, own.score),
    el(
      "p",
      { class: "quiet" },
      "The dashed line is the student. Each p is of its own test, uncorrected; the sentences above " +
        "are corrected for how many references there are.",
    ),
  ];
}

function parted(parts) {
  const columns = {
    first: "",
    titles: ["Rows", measure.title],
    cells: ({ rows, shown }) => [count(rows), shown],
  };
  return intervals(parts, columns);
}

function cost({ costs, timed }) {
  const seconds = costs.some((each) => each.seconds !== null);
  const money = costs.some((each) => each.money !== null);
  const titles = [
    "Model",
    "Tokens in",
    "Tokens out",
    ...(seconds ? ["Seconds"] : []),
    ...(money ? ["Money"] : []),
  ];
  const lines = costs.map((each) => [
    each.name,
    count(each.prompt),
    count(each.completion),
    ...(seconds ? [each.seconds === null ? "–" : each.seconds.toFixed(1)] : []),
    ...(money ? [each.money ?? "–"] : []),
  ]);
  const note = timed
    ? null
    : "Seconds are of a machine and differ between equal runs, so this file has none: " +
      "stillhouse report writes a page with those of yours.";
  return [plain(titles, lines, [1, 2, 3, 4]), note ? el("p", { class: "quiet" }, note) : null];
}

function statuses({ statuses: splits }) {
  return splits.map(({ split, rows, shares: found }) => {
    const parts = Object.entries(found)
      .filter(([, share]) => share > 0)
      .map(([name, share]) => ({ name, share }));
    const label = `${split}: ${parts.map(({ name, share }) => `${name} ${(100 * share).toFixed(1)}%`).join(", ")}`;
    return el(
      "div",
      { class: "statuses" },
      el("p", {}, el("b", {}, split), ` ${count(rows)} completions`),
      shares(parts, label),
      el(
        "p",
        { class: "legend" },
        parts.map(({ name, share }) =>
          el(
            "span",
            { class: `key status ${name}`, title: facts.statuses[name] },
            `${name} ${(100 * share).toFixed(1)}%`,
          ),
        ),
      ),
    );
  });
}

const CURVES = {
  loss: "Loss",
  label_loss: "Loss of the labels",
  rationale_loss: "Loss of the rationales",
  validation: "Validation",
};

function training({ curves: bySeed }) {
  const named = Object.entries(bySeed).filter(([, columns]) => columns.step?.length > 1);
  const titles = Object.keys(CURVES).filter((name) => named.some(([, columns]) => columns[name]));
  const shown = titles.includes("rationale_loss")
    ? titles
    : titles.filter((name) => name !== "loss");
  if (!shown.length) return null;
  const figures = shown.map((name) => {
    const series = named
      .filter(([, columns]) => columns[name])
      .map(([seed, columns]) => ({
        name: `seed ${seed}`,
        steps: columns.step,
        values: columns[name],
      }));
    return curves(
      CURVES[name],
      series,
      name === "validation" ? score : (value) => value.toFixed(3),
    );
  });
  return card("Training", null, el("div", { class: "figures" }, figures));
}

function inputs({ inputs: found, data }) {
  const lines = found.map(([what, name, source]) => [
    what,
    name,
    el("span", { class: "source" }, source),
  ]);
  const rows = Object.entries(data)
    .map(([split, number]) => `${count(number)} ${split}`)
    .join(", ");
  return [plain(["", "Entry", "Source"], lines), el("p", { class: "quiet" }, `Rows: ${rows}`)];
}

function knobs({ knobs: found }) {
  return el(
    "dl",
    { class: "knobs" },
    Object.entries(found).map(([name, value]) =>
      el("div", {}, el("dt", {}, name), el("dd", {}, shownKnob(value))),
    ),
  );
}

function comparison(other) {
  const [before, now] = other.scores;
  return card(`Beside ${other.name}`, null, [
    el("p", { class: "large" }, `${before} → ${now}`),
    el(
      "ul",
      {},
      other.compared.map((line) => el("li", {}, line.trim())),
    ),
    other.changed.length
      ? plain(
          ["What was changed", other.name, "Now"],
          other.changed.map(([name, was, is]) => [name, shownKnob(was), shownKnob(is)]),
        )
      : el("p", { class: "quiet" }, "No knob and no entry that it names was changed."),
    other.missing.length
      ? el(
          "p",
          { class: "quiet" },
          `Not at hand of ${other.name}, so not compared: ${other.missing.join(", ")}.`,
        )
      : null,
    el(
      "p",
      {},
      ["better", "worse"].map((word) => [
        el("a", { href: `#change=${word}` }, `Rows that got ${word}`),
        " ",
      ]),
    ),
  ]);
}
