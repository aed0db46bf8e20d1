// Conversations, whose queries and labels are JSON: shown as people read them.

function messagesOf(text) {
  if (facts.task !== "chat") return null;
  try {
    const found = JSON.parse(text);
    return Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}

// The text of a row's query, label or prediction: a conversation as its turns, another as it stands.
function spoken(text, mark = null) {
  const said = messagesOf(text);
  if (!said) return block(text, mark);
  const turns = said.map((each) =>
    typeof each === "string" ? { role: "assistant", content: each } : each,
  );
  return el(
    "div",
    { class: "turns" },
    turns.map((turn) => message(turn.role, turn.content)),
  );
}

function message(role, content) {
  return el(
    "div",
    { class: `turn ${role}` },
    el("span", { class: "role" }, SHOWN_ROLES[role] ?? role),
    block(content),
  );
}

// Replies with the turns that they answer; of a row that is no conversation null.
function exchanged(query, replies) {
  const [asked, said] = [messagesOf(query), messagesOf(replies)];
  if (!asked || !said) return null;
  let next = 0;
  const turns = asked.flatMap((turn) =>
    turn.role === "user" && next < said.length
      ? [turn, { role: "assistant", content: said[next++] }]
      : [turn],
  );
  return el(
    "div",
    { class: "turns" },
    turns.map((turn) => message(turn.role, String(turn.content))),
  );
}

// A query's beginning, for the list.
function heading(query) {
  const said = messagesOf(query);
  return excerpt(said ? said.map((turn) => turn.content ?? turn).join(" / ") : query);
}
