// Scores of single rows, as the terminal writes them; means and intervals come written.

const measure = facts.measure;
const POINTS = measure.digits === null ? " points" : "";

function score(value) {
  if (value === null || value === undefined) return "–";
  return measure.digits === null ? `${(100 * value).toFixed(1)}%` : value.toFixed(measure.digits);
}

function pValue(value) {
  return value < 0.0001 ? "<0.0001" : Number(value.toPrecision(2)).toString();
}

// What a score of one prediction is, in a word, and how it looks.
function judged(value, [right, wrong] = facts.said) {
  if (value === null || value === undefined) return { word: "no score", look: "quiet" };
  if (measure.graded) return { word: score(value), look: "quiet" };
  if (value === 1) return { word: right, look: "good" };
  if (value === 0) return { word: wrong, look: "bad" };
  const seeds = facts.seeds.length;
  const all = value * seeds;
  const whole = Math.abs(all - Math.round(all)) < 1e-6;
  return {
    word: whole ? `${right} in ${Math.round(all)} of ${seeds} seeds` : `scored ${score(value)}`,
    look: "mixed",
  };
}

const BY_GOLD = ["right", "wrong"]; // the teacher, whatever the student is compared with

function badge(word, look = "quiet", title = null) {
  return el("span", { class: `badge ${look}`, title }, word);
}

const NAMES = {
  untrained: "Untrained student",
  gold: "Student on gold labels alone",
  logistic_tfidf: "TF-IDF + logistic regression",
  logistic_embeddings: "Embeddings + logistic regression",
  nearest_neighbour: "Nearest neighbour",
  majority: "Majority class",
};

function modelName(model) {
  if (facts.seeds.includes(model)) {
    return facts.seeds.length > 1 ? `Student, ${model.replace("=", " ")}` : "Student";
  }
  return (
    NAMES[model] ??
    model.replace(/^teacher:/, "Teacher, ").replace(/^student:/, "Untrained student, ")
  );
}

function shownKnob(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
