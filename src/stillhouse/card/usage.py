"""How a student is used, by commands and by a program; both run as they stand in its card."""

import json
import shlex
from collections.abc import Sequence

from stillhouse.card.markdown import block, code
from stillhouse.card.measured import Measured
from stillhouse.config.student import Asked
from stillhouse.core.conversation import read_query
from stillhouse.core.messages import Message, as_text
from stillhouse.core.templates import render
from stillhouse.students.asked import choices_for, conversation, messages, reply
from stillhouse.students.folder import Manifest, ServedManifest
from stillhouse.students.serving import Example, Serving

_PLACEHOLDER = "a text"


def usage(measured: Measured) -> str:
    """Commands, an example, and a plain program of transformers."""
    serving, manifest = measured.serving, measured.manifest
    if isinstance(manifest, ServedManifest):
        return _of_server(serving, manifest)
    parts = [
        "In the folder that this file is in, which needs nothing beside it:",
        block("\n".join(_commands(serving)), "sh"),
        "`--rationale` also asks for a rationale."
        if manifest.training.get("rationales")
        else "It was trained on labels alone, and has no rationales to give.",
        "Over HTTP, once `stillhouse serve --student .` runs:",
        block("\n".join(_requests(serving)), "sh"),
        _inputs(serving),
    ]
    if serving.example:
        parts += [
            f"Without stillhouse{_cut(manifest, serving.example)}:",
            block(snippet(manifest, serving, serving.example), "python"),
        ]
    return "\n\n".join(parts)


def _of_server(serving: Serving, manifest: ServedManifest) -> str:
    """A request to the server; the weights are elsewhere."""
    parts = [
        f"No weights are here: the model is served elsewhere, as {code(manifest.model.name)}, "
        f"pinned as {code(manifest.model.source)}. `stillhouse predict` and `stillhouse serve` do "
        "not ask it. What was asked of it, at an OpenAI-compatible address, is of this form:",
    ]
    example = serving.example
    if example:
        asked = manifest.templates
        said = messages(asked, example.query, choices_for(asked, example.query), str)
        body = {
            "model": manifest.model.name,
            "messages": said,
            "temperature": 0,
            "max_tokens": serving.decoding.max_tokens,
        }
        parts.append(block(f"POST /v1/chat/completions\n\n{_json(body)}"))
    stops = " or ".join(code(json.dumps(mark)) for mark in serving.decoding.stop)
    ends = f" It ends before the first {stops}." if stops else ""
    parts.append(f"The reply is the label.{ends} {_row_said(serving)} It has no score.")
    return "\n\n".join(parts)


def _row(serving: Serving) -> dict[str, object]:
    """The example's columns, or what stands for one."""
    if serving.example:
        given = serving.example.columns
        return {name: given[name] for name in serving.columns if name in given}
    return dict.fromkeys(serving.columns, _PLACEHOLDER)


def _commands(serving: Serving) -> list[str]:
    row = _row(serving)
    found = [
        f"printf '%s\\n' {shlex.quote(_json(row))} > new.jsonl",
        "stillhouse predict --student . --file new.jsonl --out predicted.jsonl",
    ]
    value = next(iter(row.values()), None)
    if len(row) == 1 and isinstance(value, str):
        found.insert(0, f"stillhouse predict --student . -- {shlex.quote(value)}")
    return found


def _requests(serving: Serving) -> list[str]:
    row = _row(serving)
    value = next(iter(row.values()), None)
    plain = len(row) == 1 and isinstance(value, str)
    written = _first_turn(serving) or _PLACEHOLDER
    chat = {
        "model": "student",
        "messages": [{"role": "user", "content": value if plain else written}],
    }
    return [
        f"curl -s http://127.0.0.1:8000{path} -d {shlex.quote(_json(body))}"
        for path, body in (("/predict", {"inputs": row}), ("/v1/chat/completions", chat))
    ]


def _first_turn(serving: Serving) -> str | None:
    """What the example asks; of a conversation its first turn."""
    if serving.example is None:
        return None
    query = serving.example.query
    return query if serving.messages is None else read_query(query).turns[0]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _inputs(serving: Serving) -> str:
    decoded = f"Labels are decoded with `decode: {serving.decoding.decode}`."
    return f"{_row_said(serving)} {decoded} {scores(serving)}"


def _row_said(serving: Serving) -> str:
    """The columns of a row, and its label."""
    columns = ", ".join(map(code, serving.columns))
    said = f"A row has the column{'s' if len(serving.columns) > 1 else ''} {columns}."
    if serving.labels:
        said += f" Its label is one of {', '.join(map(code, serving.labels))}."
    if serving.messages is not None:
        return (
            f"{said} A prediction is the list of the replies to the user's turns, each on the "
            "student's own before it; over HTTP a chat so far gets its next reply. Replies have no "
            "score."
        )
    if example := serving.example:
        score = "" if example.score is None else f", with the score {example.score:.2f}"
        said += f" That of the row above is {code(example.prediction)}{score}."
    return said


def scores(serving: Serving) -> str:
    """What a score is."""
    if not serving.choices:
        return "A score is the probability of the label's whole text: good for an order, no more."
    kind = "A score is the probability of the label among the row's choices"
    found = serving.calibration
    if found is None:
        return f"{kind}, not calibrated: there were too few validation rows, or none."
    error = ""
    if found.ece is not None and found.calibrated_ece is not None:
        error = (
            f": the expected calibration error on the test rows is {found.calibrated_ece:.3f}, and "
            f"was {found.ece:.3f} before"
        )
    return (
        f"{kind}, calibrated with the temperature {found.temperature:g} on "
        f"{found.validation_rows:,} validation rows{error}."
    )


def _cut(manifest: Manifest, example: Example) -> str:
    if example.truncated:
        return f" (which cuts this query: its prompt has {manifest.max_query_tokens} tokens)"
    return ""


def snippet(manifest: Manifest, serving: Serving, example: Example) -> str:
    """A program that gives the example's prediction, with transformers alone; of a conversation
    the reply to its first turn.
    """
    auto = "AutoModelForCausalLM" if manifest.family == "decoder" else "AutoModelForSeq2SeqLM"
    prompt = _messages if isinstance(manifest.templates, Asked) else _prompt
    lines = [
        "import torch",
        f"from transformers import {auto}, AutoTokenizer",
        "",
        'tokenizer = AutoTokenizer.from_pretrained("model")',
        f'model = {auto}.from_pretrained("model", dtype=torch.{manifest.precision})',
        *prompt(manifest, example),
    ]
    chosen = serving.decoding.decode == "choices" and example.choices
    return "\n".join([*lines, *(_choose if chosen else _generate)(manifest, serving, example)])


def _prompt(manifest: Manifest, example: Example) -> list[str]:
    values = {"query": example.query, "prefix": manifest.templates.label_prefix}
    prompt = render(manifest.templates.query, values, "templates.query")
    return [f"prompt = {prompt!r}", f"ids = {_ids(manifest, 'prompt')}"]


def _messages(manifest: Manifest, example: Example) -> list[str]:
    """Of a student that is asked with the run's prompt, by its chat template if it has one."""
    asked = manifest.templates
    assert isinstance(asked, Asked)
    if asked.chat:
        said = conversation(asked, example.query, str).messages([])
    else:
        said = messages(asked, example.query, choices_for(asked, example.query), str)
    plain = as_text([Message(**message) for message in said])
    chat = "tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)"
    return [
        f"messages = {said!r}",
        "if tokenizer.chat_template:",
        f"    prompt = {chat}",
        "    ids = tokenizer(prompt, add_special_tokens=False).input_ids",
        "else:",
        f"    ids = {_ids(manifest, repr(plain))}",
    ]


def _ids(manifest: Manifest, text: str) -> str:
    if manifest.family == "decoder":
        return f"tokenizer({text}).input_ids"
    return f"tokenizer({text}, add_special_tokens=False).input_ids + [tokenizer.eos_token_id]"


def _generate(manifest: Manifest, serving: Serving, _example: Example) -> list[str]:
    start = "len(ids)" if manifest.family == "decoder" else "0"
    tokens = serving.decoding.max_tokens
    return [
        "asked = torch.tensor([ids])",
        "tokens = model.generate(asked, attention_mask=torch.ones_like(asked), "
        f"max_new_tokens={tokens})",
        f"label = tokenizer.decode(tokens[0, {start}:], skip_special_tokens=True).lstrip()",
        *_stops(serving.decoding.stop),
        "print(label.strip())",
    ]


def _stops(stop: Sequence[str]) -> list[str]:
    return [f"label = label.split({mark!r})[0]" for mark in stop]


def _choose(manifest: Manifest, _serving: Serving, example: Example) -> list[str]:
    asked, lead = manifest.templates, ""
    if isinstance(asked, Asked):
        listed = choices_for(asked, example.query)
        targets = {choice: reply(asked, choice, listed) for choice in example.choices}
        if manifest.family == "decoder":  # plain text goes on behind `Assistant:`
            lead = '("" if tokenizer.chat_template else " ") + '
    else:
        targets = {
            choice: render(asked.target, {"target": choice}, "templates.target")
            for choice in example.choices
        }
    logits = (
        "model(torch.tensor([ids + target])).logits[0, len(ids) - 1 : -1]"
        if manifest.family == "decoder"
        else "model(torch.tensor([ids]), labels=torch.tensor([target])).logits[0]"
    )
    return [
        f"choices = {targets!r}",
        "",
        "@torch.no_grad()",
        "def likelihood(choice):",
        f"    target = tokenizer({lead}choices[choice], add_special_tokens=False).input_ids",
        "    target.append(tokenizer.eos_token_id)",
        f"    logits = {logits}",
        "    return logits.float().log_softmax(-1)[range(len(target)), target].sum()",
        "",
        "print(max(choices, key=likelihood))",
    ]
