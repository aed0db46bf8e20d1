// What two texts have in common, word by word.

const MOST_CELLS = 4_000_000;

function tokens(text) {
  return text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
}

// Pieces of `kind` same, gone (of the first alone) or new (of the second alone), in their order;
// null where the texts are too long to be laid beside each other.
function difference(before, after) {
  return (
    aligned(tokens(before), tokens(after)) ??
    aligned(before.split(/(?<=\n)/), after.split(/(?<=\n)/))
  );
}

function aligned(one, other) {
  let start = 0;
  while (start < one.length && start < other.length && one[start] === other[start]) start++;
  let end = 0;
  while (
    end < one.length - start &&
    end < other.length - start &&
    one[one.length - 1 - end] === other[other.length - 1 - end]
  )
    end++;
  const [a, b] = [one.slice(start, one.length - end), other.slice(start, other.length - end)];
  if (a.length * b.length > MOST_CELLS) return null;
  const pieces = [];
  const push = (kind, text) => {
    if (!text) return;
    const last = pieces[pieces.length - 1];
    if (last && last.kind === kind) last.text += text;
    else pieces.push({ kind, text });
  };
  push("same", one.slice(0, start).join(""));
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1] + 1
          : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      push("same", a[i]);
      i++;
      j++;
    } else if (
      j >= b.length ||
      (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])
    )
      push("gone", a[i++]);
    else push("new", b[j++]);
  }
  push("same", end ? one.slice(-end).join("") : "");
  return pieces;
}

function diffBlock(before, after) {
  const pieces = difference(before, after);
  if (!pieces) {
    return el(
      "div",
      {},
      el("p", { class: "quiet" }, "Too long for a word diff; before, then now:"),
      block(before),
      block(after),
    );
  }
  const tags = { same: "span", gone: "del", new: "ins" };
  return el(
    "div",
    { class: "text diff", dir: "auto" },
    pieces.map(({ kind, text }) => el(tags[kind], {}, shortened(kind, text))),
  );
}

// Of what is the same only what stands near a change.
function shortened(kind, text, near = 400) {
  return kind !== "same" || text.length <= 2 * near
    ? text
    : `${text.slice(0, near)} […] ${text.slice(-near)}`;
}
