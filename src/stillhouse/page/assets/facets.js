// What rows can be narrowed down by: each facet gives a row's values, by its place.

function ofScore(value, [right, wrong] = facts.said) {
  if (value === null || value === undefined) return [];
  return [value === 1 ? right : value === 0 ? wrong : `partly ${right}`];
}

function facetsOf(rows) {
  const { columns } = rows;
  const found = [
    { name: "split", title: "Split", of: (n) => [columns.split[n]] },
    {
      name: "status",
      title: "Completion",
      of: (n) => columns.completions[n].map((each) => each[3]).filter(Boolean),
    },
  ];
  if (!measure.graded) {
    found.push(
      { name: "student", title: "Student", of: (n) => ofScore(columns.score[n]) },
      { name: "teacher", title: "Teacher", of: (n) => ofScore(columns.teacher[n], BY_GOLD) },
      { name: "flip", title: "Flips", of: (n) => flips(columns, n) },
    );
  }
  found.push({
    name: "label",
    title: "Gold label",
    of: (n) => (columns.gold[n] === null ? [] : [columns.gold[n]]),
  });
  if (rows.packed.other) {
    found.push({ name: "change", title: `Since ${facts.other.name}`, of: (n) => changes(rows, n) });
  }
  return found
    .map((facet) => counted(facet, rows))
    .filter((facet) => facet.values.size > 1 || facet.name === "change");
}

const MOST_VALUES = 40;

function counted(facet, rows) {
  const values = new Map();
  for (let n = 0; n < rows.length; n++) {
    for (const value of new Set(facet.of(n))) values.set(value, (values.get(value) ?? 0) + 1);
    if (values.size > MOST_VALUES) return { ...facet, values: new Map() };
  }
  // A label of almost each row's own, such as a number or a text, is nothing to choose by.
  if (facet.name === "label" && 2 * values.size > rows.length)
    return { ...facet, values: new Map() };
  return { ...facet, values: new Map([...values].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

// Where the student does otherwise than who it is compared with.
function flips(columns, n) {
  const student = columns.score[n];
  if (student === null) return [];
  const found = [];
  const teacher = columns.teacher[n];
  if (teacher === 1 && student < 1) found.push("teacher right, student wrong");
  if (teacher === 0 && student > 0) found.push("student right, teacher wrong");
  const untrained = columns.predictions[n].untrained?.[1];
  if (untrained === 0 && student > 0) found.push(`${facts.said[0]} by training`);
  if (untrained === 1 && student < 1) found.push(`${facts.said[1]} by training`);
  return found;
}

function changes(rows, n) {
  const theirs = rows.packed.other[n];
  if (!theirs) return ["only here"];
  const found = [];
  const now = rows.columns.score[n];
  const before = "score" in theirs ? theirs.score : now;
  if (now !== null && before !== null && now !== before)
    found.push(now > before ? "better" : "worse");
  for (const [name, told] of [
    ["prompt", "other prompt"],
    ["completions", "other completion"],
    ["trained", "other training"],
    ["predictions", "other answers"],
  ]) {
    if (name in theirs) found.push(told);
  }
  return found.length ? found : ["the same"];
}

function sortsOf(rows) {
  const { columns } = rows;
  const of = (name) => (n) => columns[name][n];
  const found = [
    { name: "", title: "as the dataset has them", key: (n) => n },
    { name: "lowest", title: "lowest score first", key: (n) => columns.score[n] ?? Infinity },
    { name: "longest", title: "longest query first", key: (n) => -columns.query[n].length },
    {
      name: "verbose",
      title: "longest completion first",
      key: (n) => -(columns.completions[n][0]?.[0].length ?? 0),
    },
    { name: "id", title: "by id", key: of("id") },
  ];
  if (columns.exemplars?.some((each) => each[0]?.[2] !== null && each[0]?.[2] !== undefined)) {
    found.push({
      name: "far",
      title: "farthest exemplars first",
      key: (n) => -(columns.exemplars[n][0]?.[2] ?? -Infinity),
    });
  }
  return found;
}
