"""What wraps an answer without being part of it: LaTeX, Markdown, tags, quotes, other scripts."""

import re
from typing import NamedTuple

# One character for one, so that places in the text stay the same.
_SCRIPTS = str.maketrans(
    {chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}  # full-width ASCII
    | {chr(zero + i): str(i) for zero in (0x660, 0x6F0, 0x966) for i in range(10)}
    | dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " ")
    | {"。": ".", "、": ",", "【": "[", "】": "]", "〔": "[", "〕": "]"}
    | {"「": '"', "」": '"', "『": '"', "』": '"', "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}
    | {"‘": "'", "’": "'", "‚": "'", "−": "-", "﹣": "-", "‐": "-", "‑": "-"}
)
_QUOTES = str.maketrans(dict.fromkeys("“”„「」『』«»", '"'))
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")
# What ends a model's turn; anything behind it is not its own.
_END = re.compile(
    r"</s>|[<‹][|｜][\w▁-]{1,40}[|｜][>›]|<(?:eos|end_of_turn|eot|extra_id_\d+)>|\[/?INST\]|\[USER\]"
)
# What opens a model's turn, where a server hands it on.
_START = re.compile(
    r"\s*(?:<s>|\[/INST\]|<\|(?:im_start|start_header_id|assistant)\|>(?:assistant)?"
    r"(?:<\|end_header_id\|>)?|<start_of_turn>(?:model)?)\s*"
)

_TEXT_COMMAND = re.compile(
    r"\\(?:text|textbf|textit|textrm|texttt|mathrm|mathbf|mathit|mathsf|operatorname|mbox)"
    r"\s*\{([^{}]*)\}"
)
_FINAL = "<|channel|>final<|message|>"
_BOXED = re.compile(r"\\f?boxed\s*\{")
_CLOSING = re.compile(r"\s*(?P<delimiter>\$\$|\$|\\\)|\\\])")
DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
"""What opens and closes a formula, the longer first."""
_OPENING = {right: left for left, right in DELIMITERS}
_MATH = re.compile(r"\\[()\[\]]|\$\$")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_SHORT_FRACTION = re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)")
_SIGNS = (
    (re.compile(r"\\(?:times|ast)(?![A-Za-z])"), "×"),
    (re.compile(r"\\cdot(?![A-Za-z])"), "·"),
    (re.compile(r"\\div(?![A-Za-z])"), "÷"),
    (re.compile(r"\^\s*\{?\\circ\}?"), "°"),
    (re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])"), ""),
    (re.compile(r"\\[,;:! ]|~"), " "),
    (re.compile(r"\\([$%&#_])"), r"\1"),
)
_STRUCK = re.compile(r"~~[^~\n]*~~")
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]{0,30})>")
_STRONG = re.compile(r"(?<![\w*)])(\*\*|__)(?=[^\s*])([^*\n]*?[^\s*])\1(?![\w*(])")
_EMPHASIS = re.compile(r"(?<![\w*)\d])\*(?=[^\s*])([^*\n]*?[^\s*])\*(?![\w*(\d])")
_WRAPPERS = (('"', '"'), ("`", "`"), ("'", "'"), ("$", "$"), ("**", "**"), ("<", ">"))


def visible(text: str) -> str:
    """`text` without invisible characters, and full-width and CJK punctuation as ASCII."""
    return _INVISIBLE.sub("", text).translate(_SCRIPTS)


def before_end_token(text: str) -> str:
    """The text up to the first token that ends a turn, such as `</s>` or `<|im_end|>`.

    Where a model writes channels, the one called final is its answer.
    """
    text = text.rpartition(_FINAL)[2]
    if start := _START.match(text):
        text = text[start.end() :]
    match = _END.search(text)
    return text[: match.start()] if match else text


def boxed(text: str) -> list[tuple[int, int, str]]:
    r"""Each `\boxed{...}`: where it starts and ends, and what it holds; unclosed ones are left."""
    found, position = [], 0
    while match := _BOXED.search(text, position):
        end = _closing(text, match.end())
        if end is None:
            break
        found.append((match.start(), end + 1, text[match.end() : end]))
        position = end + 1
    return found


class Box(NamedTuple):
    r"""The last `\boxed{...}` of a text, and the text around it."""

    before: str
    """A formula that the box ends is closed: `So $x = \boxed{2}$` leaves `So $x = 2$.`"""
    inside: str
    after: str


def last_box(text: str) -> Box | None:
    """The last box, if there is one."""
    boxes = boxed(text)
    if not boxes:
        return None
    start, end, inside = boxes[-1]
    before, after = text[:start], text[end:]
    closing = _CLOSING.match(after)
    if closing is None:
        return Box(before, inside, after)
    after = after[closing.end() :]
    opened = before.rstrip().removesuffix(_OPENING[closing["delimiter"]])
    if opened != before.rstrip():
        return Box(opened, inside, after)
    return Box(f"{before}{inside}{closing[0]}.", inside, after)


def bare(statement: str) -> str:
    """A statement without what wraps it or a part of it, on one line.

    Emphasis and LaTeX are taken off where they cannot be arithmetic: `9**9**9` stays.
    """
    text = _STRUCK.sub(" ", visible(statement)).replace("{,}", ",")
    for start, end, inside in reversed(boxed(text)):
        text = f"{text[:start]}{inside}{text[end:]}"
    text = _FRACTION.sub(r"(\1)/(\2)", _SHORT_FRACTION.sub(r"\1/\2", text))
    before = None
    while before != text:
        before = text
        text = _TEXT_COMMAND.sub(r" \1 ", text)
    text = re.sub(r"\((\d+)\)/\((\d+)\)", r"\1/\2", text)
    for pattern, sign in _SIGNS:
        text = pattern.sub(sign, text)
    text = _MATH.sub(" ", text)
    text = _EMPHASIS.sub(r"\1", _STRONG.sub(r"\2", text))
    text = _without_tags(" ".join(text.split()))
    return unwrapped(text)


def unwrapped(text: str) -> str:
    """Without quotes, backticks, dollar signs, emphasis and angle brackets around the whole."""
    before = None
    while before != text:
        before = text
        text = text.strip().lstrip(":=").strip()
        ending = re.search(r"[.,;!?]*$", text)
        core = text[: ending.start()] if ending else text
        for left, right in _WRAPPERS:
            inside = core[len(left) : len(core) - len(right)]
            whole = len(core) > len(left + right) and core.startswith(left) and core.endswith(right)
            if whole and left not in inside and right not in inside:
                text = inside + (ending[0] if ending else "")
                break
    return text


def _without_tags(text: str) -> str:
    """Without pairs of tags: `<answer>42</answer>` is `42`."""
    # An opening tag may stand before the marker.
    names = {name for slash, name in _TAG.findall(text) if slash}
    return _TAG.sub(lambda m: " " if m[2] in names else m[0], text).strip() if names else text


def _closing(text: str, start: int) -> int | None:
    depth = 1
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.start()
    return None


def without_struck(text: str) -> str:
    """Without what is struck through, `~~so~~`."""
    return _STRUCK.sub("", text)


def without_wrappers(statement: str) -> str:
    r"""A free text without what wraps the whole of it; inside nothing is touched but `\boxed{}`."""
    text = _INVISIBLE.sub("", statement).strip()
    for start, end, inside in reversed(boxed(text)):
        text = f"{text[:start]}{inside}{text[end:]}"
    text = _without_tags(_EMPHASIS.sub(r"\1", _STRONG.sub(r"\2", text)))
    return unwrapped(unwrapped(text.translate(_QUOTES)).removesuffix("。"))


def plain(statement: str) -> str:
    r"""A free text without what wraps it, `\text{}` included."""
    text = without_wrappers(statement)
    alone = _TEXT_COMMAND.fullmatch(text)
    return alone[1] if alone else text
