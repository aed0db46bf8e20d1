// A study: its scores as pictures, its tables, and the run of each cell.

function studyView({ pictures, parts, runs }) {
  const titles = ["Score", "95% interval"];
  const columns = { first: "", titles, cells: (line) => [line.shown, line.ends] };
  const drawn = pictures.filter(({ lines }) => lines.length);
  return [
    el("section", { class: "verdict" }, el("h2", {}, parts[0])),
    el(
      "div",
      { class: "cards" },
      drawn.map(({ title, lines }) =>
        card(
          title,
          measure.title,
          intervals(
            lines,
            columns,
            null,
            pictures.flatMap((each) => each.lines),
          ),
        ),
      ),
    ),
    card(
      "Tables",
      null,
      parts
        .slice(1)
        .map((part) =>
          typeof part === "string" ? el("p", {}, part) : plain(part.headings, part.lines),
        ),
    ),
    card(
      "Runs",
      "Each cell is an experiment; stillhouse report --base NAME puts its rows beside yours",
      plain(
        ["Row", "Column", "Experiment", "State", "Knobs"],
        runs.map(({ cell, experiment, state, knobs: set }) => [
          ...cell,
          el("code", {}, experiment),
          badge(state, state === "finished" ? "good" : state === "failed" ? "bad" : "mixed"),
          el(
            "span",
            { class: "source" },
            Object.entries(set)
              .map(([name, value]) => `${name}=${shownKnob(value)}`)
              .join(" "),
          ),
        ]),
      ),
    ),
  ];
}
