// One row from end to end: what every stage of the pipeline made of it, before and after.

const ASKED = {
  equal: "Both answers are equal, so nobody was asked",
  metric: "By the dataset's metric",
  teacher_first: "Teacher's answer first",
  student_first: "Student's answer first",
  teacher: "Teacher's answer alone",
  student: "Student's answer alone",
};

const MOST_OPEN = 4; // exemplars that are not folded away

function trace(rows, place, links) {
  const row = rows.at(place);
  const other = rows.other(place);
  return el(
    "article",
    { "aria-label": `Row ${row.id}` },
    el("h2", {}, el("span", { class: "id" }, row.id), " ", badge(row.split), rowBadges(row, other)),
    facts.metric === "latex"
      ? el("p", { class: "quiet" }, "Formulas stand as they were written, in LaTeX.")
      : null,
    other === null ? el("p", { class: "quiet" }, `${facts.other.name} has no such row.`) : null,
    section("Query", spoken(row.query), choices(row)),
    row.choices.includes(row.gold)
      ? null
      : section(
          "Gold label",
          row.gold === null ? el("p", { class: "quiet" }, "It has none.") : spoken(row.gold),
        ),
    exemplars(row, links),
    prompt(row, other),
    row.completions.map((completion, n) => completionOf(row, completion, n, other)),
    verdicts(row),
    trained(row, other),
    predictions(row, other),
  );
}

function section(title, ...children) {
  return el("section", {}, el("h3", {}, title), children);
}

function rowBadges(row, other) {
  const found = [];
  if (row.score !== null) {
    const { word, look } = judged(row.score);
    found.push(badge(`student ${word}`, look));
  }
  if (row.teacher !== null && !measure.graded) {
    const { word, look } = judged(row.teacher, BY_GOLD);
    found.push(badge(`teacher ${word}`, look));
  }
  if (other && other.score !== null && row.score !== null && other.score !== row.score) {
    const better = row.score > other.score;
    found.push(
      badge(
        better ? `better than ${facts.other.name}` : `worse than ${facts.other.name}`,
        better ? "good" : "bad",
      ),
    );
  }
  return found.map((each) => [" ", each]);
}

function choices(row) {
  if (!row.choices.length) return null;
  const said = row.predictions[facts.seeds[0]]?.[0];
  return el(
    "ul",
    { class: "choices", "aria-label": "Choices" },
    row.choices.map((choice) =>
      el(
        "li",
        { class: choice === row.gold ? "gold" : null },
        choice,
        choice === row.gold ? [" ", badge("gold label", "good")] : null,
        choice === said ? [" ", badge("student")] : null,
      ),
    ),
  );
}

function exemplars(row, links) {
  if (!row.exemplars.length) return null;
  const shared = row.exemplars.filter(({ label }) => label !== null && label === row.gold).length;
  const far = row.exemplars.some(({ distance }) => distance !== null);
  const lines = row.exemplars.map(({ id, label, distance }) => [
    [links.to(id), el("br"), el("span", { class: "quiet" }, links.heading(id))],
    [
      excerpt(label ?? "–", 80),
      label !== null && label === row.gold ? [" ", badge("same", "good")] : null,
    ],
    ...(far ? [distance === null ? "–" : distance.toFixed(3)] : []),
  ]);
  const number = row.exemplars.length;
  const told =
    row.gold === null ? count(number) : `${count(number)}, of which ${shared} with the row's label`;
  return section(
    "Exemplars",
    el(
      "details",
      { open: number <= MOST_OPEN },
      el("summary", {}, told),
      plain(["Row", "Label", ...(far ? ["Distance"] : [])], lines, [2]),
    ),
  );
}

function asText(messages) {
  return (messages ?? [])
    .map(({ role, content }) => `${SHOWN_ROLES[role] ?? role}: ${content}`)
    .join("\n\n");
}

function prompt(row, other) {
  if (!row.prompt) return null;
  const shown = el(
    "details",
    {},
    el("summary", {}, `As rendered, ${count(asText(row.prompt).length)} characters`),
  );
  shown.addEventListener("toggle", () => {
    if (shown.open && shown.children.length === 1)
      add(
        shown,
        row.prompt.map(({ role, content }) => message(role, content)),
      );
  });
  const before = other?.prompt ? asText(other.prompt) : null;
  const differs = before !== null && before !== asText(row.prompt);
  return section(
    "Prompt",
    shown,
    differs ? [changedFrom(), diffBlock(before, asText(row.prompt))] : null,
  );
}

function changedFrom() {
  return el("p", { class: "quiet" }, `Changed from ${facts.other.name}:`);
}

function completionOf(row, completion, n, other) {
  const title =
    row.completions.length > 1 ? `Teacher's completion ${n + 1}` : "Teacher's completion";
  const before = other?.completions[n];
  const differs = before && before.text !== completion.text;
  const { status } = completion;
  return section(
    title,
    completion.reasoning
      ? el("details", {}, el("summary", {}, "Reasoning"), block(completion.reasoning))
      : null,
    completion.text.trim()
      ? (exchanged(row.query, completion.text) ?? spoken(completion.text, completion.mark))
      : el("p", { class: "quiet" }, "It is empty."),
    status
      ? el(
          "p",
          { class: "fate" },
          badge(status, status === "ok" ? "good" : completion.label === null ? "bad" : "mixed"),
          " ",
          facts.statuses[status] ?? "",
          ` It ended by ${completion.finish}.`,
        )
      : null,
    status ? labelled("Read as", readAs(completion)) : null,
    completion.rationale ? labelled("Rationale", block(completion.rationale)) : null,
    differs ? [changedFrom(), diffBlock(before.text, completion.text)] : null,
    before && before.label !== completion.label
      ? labelled(
          `Read in ${facts.other.name}`,
          before.label === null ? "No label." : spoken(before.label),
        )
      : null,
  );
}

function readAs(completion) {
  const { label, text, mark } = completion;
  if (label === null) return el("p", { class: "quiet" }, "No label.");
  if (label === text.trim()) return el("p", { class: "quiet" }, "The whole of it is the label.");
  const whole = facts.task === "chat" || facts.task === "summary";
  const note =
    mark || whole
      ? null
      : el("p", { class: "quiet" }, "Where it stands in the completion is not marked.");
  return [spoken(label), note];
}

function labelled(name, value) {
  return el(
    "div",
    { class: "labelled" },
    el("span", { class: "name" }, name),
    el("div", {}, value),
  );
}

function verdicts(row) {
  if (!row.verdicts.length && row.feedback === null) return null;
  const figure = (value) => (value === null ? "–" : String(value));
  return section(
    "Judge",
    row.feedback === null ? null : labelled("Student's answer", spoken(row.feedback)),
    plain(
      ["Asked", "Teacher's answer", "Student's answer"],
      row.verdicts.map(({ asked, teacher, student }) => [
        ASKED[asked] ?? asked,
        figure(teacher),
        figure(student),
      ]),
      [1, 2],
    ),
  );
}

function trained(row, other) {
  const before = other?.trained;
  const learnt = ["train", "unlabelled"].includes(row.split);
  if (!row.trained)
    return learnt ? section("Trained on", el("p", { class: "quiet" }, "Not trained on.")) : null;
  const { label, rationale } = row.trained;
  const note =
    row.gold !== null && !measure.graded && label !== row.gold
      ? badge("not the gold label", "bad")
      : null;
  return section(
    "Trained on",
    labelled("Label", el("div", {}, spoken(label), note)),
    rationale ? labelled("Rationale", block(rationale)) : null,
    before && (before.label !== label || before.rationale !== rationale)
      ? [
          changedFrom(),
          diffBlock(`${before.label}\n${before.rationale ?? ""}`, `${label}\n${rationale ?? ""}`),
        ]
      : null,
  );
}

function predictions(row, other) {
  const now = row.predictions;
  const names = [...new Set([...Object.keys(now), ...Object.keys(other?.predictions ?? {})])];
  if (!names.length) return null;
  const rank = (name) => (facts.seeds.includes(name) ? 0 : name === "untrained" ? 1 : 2);
  names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const answer = (said) => {
    if (!said) return "–";
    const { word, look } = judged(said[1]);
    return [
      said[0].trim() ? spoken(said[0]) : el("p", { class: "quiet" }, "It is empty."),
      badge(word, look),
    ];
  };
  const titles = [
    "Model",
    facts.other ? "Now" : "Answer",
    ...(facts.other ? [`In ${facts.other.name}`] : []),
  ];
  const lines = names.map((name) => [
    modelName(name),
    answer(now[name]),
    ...(facts.other ? [answer(other?.predictions[name])] : []),
  ]);
  return section("Answers", plain(titles, lines));
}
