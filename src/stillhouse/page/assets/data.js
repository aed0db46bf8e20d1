// The page's content: the facts at once, the rows when they are unpacked.

const facts = JSON.parse(document.getElementById("facts").textContent);
const SHOWN_ROLES = { system: "System", user: "User", assistant: "Assistant" };

class Rows {
  constructor(packed) {
    this.packed = packed;
    this.total = packed.total;
    this.columns = packed.columns;
    this.ids = packed.columns.id ?? [];
    this.length = this.ids.length;
    this.places = new Map(this.ids.map((id, place) => [id, place]));
    this.searched = new Array(this.length);
  }

  // A row by its place, as this run has it.
  at(place) {
    const row = { place };
    for (const [name, cells] of Object.entries(this.columns)) row[name] = cells[place];
    return this.opened(row);
  }

  // The same row of the other revision: null where it has none, undefined without a revision.
  other(place) {
    if (!this.packed.other) return undefined;
    const theirs = this.packed.other[place];
    if (!theirs) return null;
    const row = { place, differs: Object.keys(theirs) };
    for (const [name, cells] of Object.entries(this.columns)) {
      row[name] = name in theirs ? theirs[name] : cells[place];
    }
    return this.opened(row);
  }

  opened(row) {
    row.choices = this.packed.choices[row.choices];
    row.exemplars = row.exemplars.map(([id, label, distance]) => ({ id, label, distance }));
    row.prompt = row.prompt?.map(([role, lines]) => ({
      role,
      content: lines.map((line) => this.packed.lines[line]).join("\n"),
    }));
    row.completions = row.completions.map(
      ([text, reasoning, finish, status, label, rationale, mark]) => ({
        text,
        reasoning,
        finish,
        status,
        label,
        rationale,
        mark,
      }),
    );
    row.verdicts = row.verdicts.map(([asked, teacher, student]) => ({ asked, teacher, student }));
    row.trained = row.trained && { label: row.trained[0], rationale: row.trained[1] };
    return row;
  }

  // What a search looks through: all that was said about a row but its prompt.
  text(place) {
    if (this.searched[place] === undefined) {
      const cell = (name) => this.columns[name][place];
      const said = [cell("id"), cell("query"), cell("gold"), ...(cell("trained") ?? [])];
      for (const completion of cell("completions"))
        said.push(completion[0], completion[4], completion[5]);
      for (const [prediction] of Object.values(cell("predictions"))) said.push(prediction);
      this.searched[place] = said.filter(Boolean).join("\n").toLowerCase();
    }
    return this.searched[place];
  }
}

async function unpacked() {
  if (!("DecompressionStream" in window)) {
    throw new Error("This browser cannot unpack the rows; one of 2023 or later can.");
  }
  const packed = atob(document.getElementById("packed").textContent);
  const bytes = new Uint8Array(packed.length);
  for (let place = 0; place < packed.length; place++) bytes[place] = packed.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Rows(await new Response(stream).json());
}
