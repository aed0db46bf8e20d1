"""Conversations as tokens: those of the chat template, and a reply's where it is learnt."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.config.student import Asked
from stillhouse.core.conversation import read_messages
from stillhouse.core.errors import StillhouseError
from stillhouse.students.text import StudentText
from stillhouse.students.weights import read_tokenizer
from tests.core.test_conversation import said
from tests.students.test_asked import CHATML

LLAMA = (  # a beginning, trimmed contents, no line break behind a turn
    "{{ '<|im_start|>' }}{% for m in messages %}[{{ m.role }}]\n\n{{ m.content | trim }}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}[assistant]\n\n{% endif %}"
)
MISTRAL = (  # the system's text in the first turn; a blank before a reply
    "{{ '<|im_start|>' }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n\n"
    "{% elif m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }}<|im_end|>{% endif %}{% endfor %}"
)
LAST_OTHERWISE = (  # as Qwen 3 thinks before the last reply alone
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEMPLATES = {"chatml": CHATML, "llama": LLAMA, "mistral": MISTRAL, "last": LAST_OTHERWISE}
TURNS = ["Hi!", "Hello you.", "Who are\nyou?", "Me.\n\nAnd you?", "Bye"]


@pytest.fixture(scope="module")
def tokenizers(tiny_models):
    return {name: read_tokenizer(tiny_models / "decoder") for name in TEMPLATES}


def student(tokenizers, name="chatml", *, system="Be kind.", limit=512, longest=64):
    tokenizer = tokenizers[name]
    tokenizer.chat_template = TEMPLATES[name]
    asked = Asked(
        system=system, query="{{ query }}", target="{{ label }}", values={}, choices=(), chat=True
    )
    return StudentText(tokenizer, "decoder", asked, limit, longest)


def query_of(*texts, system=None):
    return read_messages(said(*texts, system=system)).query


def whole(text, *texts, system="Be kind.", **more):
    """The tokens that the tokenizer itself makes of a whole conversation."""
    messages = said(*texts, system=system)
    return text.tokens(text.tokenizer.apply_chat_template(messages, tokenize=False, **more))


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("own", [None, "You are a cook."])
def test_a_conversation_is_the_chat_template_of_the_whole_token_by_token(tokenizers, name, own):
    text = student(tokenizers, name)
    replies = TURNS[1::2]
    made = text.conversation(query_of(*TURNS[:4], system=own), replies)
    system = "Be kind." if own is None else f"Be kind.\n\n{own}"
    expected = whole(text, *TURNS, system=system)
    found = [*made.prompt, *made.target]
    assert found == expected[: len(found)]
    assert expected[len(found) :]  # the next turn, which is not learnt
    assert len(made.target) == len(made.learnt)
    assert (made.cut_query, made.cut_reply, made.left_out) == (False, False, 0)


@pytest.mark.parametrize("name", TEMPLATES)
def test_replies_and_their_end_tokens_are_learnt_and_nothing_else(tokenizers, name):
    text = student(tokenizers, name)
    made = text.conversation(query_of(*TURNS[:4]), TURNS[1::2])
    learnt = [token for token, flag in zip(made.target, made.learnt, strict=True) if flag]
    spoken = [[]]
    for token in learnt:
        spoken[-1].append(token)
        if token == text.end:
            spoken.append([])
    assert [text.decode(tokens).strip() for tokens in spoken[:-1]] == TURNS[1::2]
    assert spoken[-1] == []
    others = [token for token, flag in zip(made.target, made.learnt, strict=True) if not flag]
    assert "Who are" in text.tokenizer.decode(others)
    assert not any(reply in text.tokenizer.decode([*made.prompt, *others]) for reply in TURNS[1::2])


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_turn_is_asked_behind_the_tokens_that_it_is_learnt_behind(tokenizers, name):
    text = student(tokenizers, name)
    query = query_of(*TURNS)
    replies = [*TURNS[1::2], "So long."]
    made = text.conversation(query, replies)
    every = [*made.prompt, *made.target]
    starts = [
        place for place, flag in enumerate(made.learnt)
        if flag and (place == 0 or not made.learnt[place - 1])
    ]  # fmt: skip
    for number, start in enumerate(starts):
        assert text.next_turn(query, replies[:number]) == every[: len(made.prompt) + start]
    assert text.prompt(query, "label") == (made.prompt, False)


@pytest.mark.parametrize("name", ["chatml", "llama", "last"])
def test_the_first_prompt_is_what_the_template_asks_with(tokenizers, name):
    text = student(tokenizers, name)
    expected = whole(text, "Hi!", add_generation_prompt=True)
    assert text.next_turn(query_of("Hi!"), []) == expected


def test_no_gold_reply_is_in_a_prompt(tokenizers):
    text = student(tokenizers)
    query = query_of("Hi!", "GOLD", "Who?", "GOLD")
    assert "GOLD" not in text.tokenizer.decode(text.next_turn(query, ["own"]))


CONTROLS = ["<|im_end|>", "<|im_start|>assistant\n", "<|pad|>"]


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(
        st.text("ab \n.é😀{}%", max_size=8).map(lambda t: f"x{t}x") | st.sampled_from(CONTROLS),
        min_size=2, max_size=6,
    )
)  # fmt: skip
def test_whatever_is_said_control_tokens_are_the_templates_alone(tokenizers, texts):
    text = student(tokenizers)
    conversation = read_messages(said(*texts))
    replies = list(conversation.replies)
    made = text.conversation(conversation.query, replies)
    every = [*made.prompt, *made.target]
    start, end = text.tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    turns = len(conversation.turns[: len(replies)])
    assert every.count(start) == 1 + 2 * turns
    assert every.count(end) == 1 + 2 * turns
    assert sum(made.learnt) == sum(len(text.target(reply)) for reply in replies)


def test_a_first_turn_that_is_too_long_loses_its_end(tokenizers):
    text = student(tokenizers, limit=60)
    query = query_of("word " * 100, "a", "b")
    made = text.conversation(query, ["fine"])
    assert (made.cut_query, len(made.prompt) <= 60, made.left_out) == (True, True, 0)
    assert made.prompt == text.next_turn(query, []) == text.prompt(query, "label")[0]
    assert text.tokenizer.decode(made.prompt).endswith("<|im_start|>assistant\n")
    with pytest.raises(StillhouseError, match="takes up all of model"):
        student(tokenizers, limit=10).conversation(query, ["fine"])


def test_turns_with_too_much_before_them_are_left_out_and_counted(tokenizers):
    text = student(tokenizers, limit=70)
    query = query_of("one", "x", "two", "x", "three", "x", "four")
    replies = ["a b c d e f g h"] * 4
    made = text.conversation(query, replies)
    kept = 4 - made.left_out
    assert 0 < made.left_out < 4
    assert made.target[-1] == text.end
    assert [place for place in range(4) if text.next_turn(query, replies[:place])] == list(
        range(kept)
    )


def test_a_reply_that_is_too_long_is_cut_and_ends_the_conversation(tokenizers):
    text = student(tokenizers, longest=6)
    made = text.conversation(query_of("one", "x", "two"), ["a b c d e f g h", "fine"])
    assert (made.cut_reply, made.left_out, sum(made.learnt)) == (True, 1, 6)
    assert text.end not in made.target


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        (None, "has no chat template"),
        (CHATML.replace("<|im_end|>", "<|pad|>"), "replies would not end"),
        (CHATML.replace("{{ m.content }}", "{{ m.content if loop.last else '-' }}"),
         "writes earlier turns otherwise"),
        ("{{ raise_exception('no system role') }}", "refuses the prompt"),
    ],
)  # fmt: skip
def test_a_chat_template_that_cannot_be_learnt_from_is_refused(tokenizers, template, complaint):
    text = student(tokenizers)
    text.tokenizer.chat_template = template
    with pytest.raises(StillhouseError, match=complaint):
        text.conversation(query_of("one"), ["two"])


def test_characters_that_no_reply_could_have_are_named(tokenizers):
    text = student(tokenizers)
    assert text.unsayable(json.dumps(["fine {}", "é\n"]), query_of("one", "x", "two")) == set()
