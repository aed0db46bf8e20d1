"""Numbers as people write them: `$1,080`, `9 (apples)`, `1 1/2`, `3,5 kg`, `5 million`."""

import re
from fractions import Fraction

from stillhouse.kinds.arithmetic import evaluate
from stillhouse.kinds.kind import MAX_STATEMENT
from stillhouse.kinds.markup import bare

DECIMALS = 6

_ONES = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen
"""
_SMALL = {word: value for value, word in enumerate(_ONES.split())}
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_SCALES = {
    "hundred": 100,
    "thousand": 1_000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_PARTS = {
    "halves": 2, "thirds": 3, "quarters": 4, "fourths": 4, "fifths": 5, "sixths": 6, "sevenths": 7,
    "eighths": 8, "ninths": 9, "tenths": 10, "hundredths": 100, "thousandths": 1_000,
}  # fmt: skip
_VULGAR = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3", "⅕": "1/5", "⅛": "1/8"}

_CURRENCY = r"(?:[$€£¥₹]|US\$|USD|EUR|GBP|Rs\.?)"
_NUMBER = re.compile(
    rf"""(?P<sign>[-+]?)\s*{_CURRENCY}?\s*(?P<minus>-?)
    (?P<value>
        [0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9,])(?:\.[0-9]+)?           # 1,080.50
        |[0-9]{{1,3}}(?:\.[0-9]{{3}})+,[0-9]{{1,2}}(?![0-9.,])        # 1.080,51
        |[0-9]{{1,3}}(?:\ [0-9]{{3}})+(?![0-9])(?:[.,][0-9]{{1,2}}(?![0-9,]))? # 1 080,5
        |[0-9]{{1,3}}(?:'[0-9]{{3}})+(?![0-9'])                       # 1'250
        |[0-9]+,[0-9](?![0-9,])                                       # 3,5
        |[0-9]+,[0-9]{{2}}(?=\s*(?:€|[Ee]uros?\b|EUR\b|reais\b|R\$|kr\b|zł|Kč)) # 31,50 €
        |[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{{1,3}})?(?![0-9,]*[0-9]) # 42, 0.5, 1.5e3
        |\.[0-9]+
    )
    (?:\s*/\s*(?P<divisor>[0-9]+)(?![0-9.,]*[0-9])
      |\s+(?P<over>[0-9]+)\s*/\s*(?P<under>[0-9]+)(?![0-9.,]*[0-9])
      |\s*(?P<vulgar>[{"".join(_VULGAR)}]))?""",
    re.VERBOSE,
)
_SCALE = re.compile(rf"\s*(?:-\s*)?({'|'.join(_SCALES)})s?\b|\s*k\b(?!/)", re.IGNORECASE)
_PART = re.compile(rf"\s+({'|'.join(_PARTS)})\b", re.IGNORECASE)

# Words that make another number of the one they stand beside, or of the sentence another claim.
_TURNING_WORDS = """
a.m am pm p.m o'clock or not no never none without plus minus times divided squared cubed
factorial dozen dozens pair pairs couple couples half halves third thirds quarter quarters
double twice triple nth st nd rd th power root mod modulo except either neither unless until if
maybe perhaps cannot isn't aren't wasn't won't don't doesn't didn't gross score fold
docena docenas dutzend douzaine douzaines paar paare paire paires par pares trio trios quartets
millionen mille mil millones mil tausend lakh lakhs crore crores hundert
demie demi media medio halb halbe más mehr menos weniger moins oder ou uhr bc bce
"""
_TURNING = frozenset(_TURNING_WORDS.split())
# Before the number they do, and right behind it; behind its unit they compare or count on.
_COMPARING_WORDS = """
and to than less more fewer greater least most over under above below between up down out by but
almost nearly approaching another first second negative positive step page option question line
equation number part problem chapter section exercise item
o y e et und
january february march april may june july august september october november december
jan feb mar apr jun jul aug sep sept oct nov dec
januar februar märz mai juni juli oktober dezember janvier février mars avril juin juillet août
septembre octobre novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre
octubre noviembre diciembre
"""
_COMPARING = frozenset(_COMPARING_WORDS.split())
_NUMBER_WORD = re.compile(
    rf"(?:{'|'.join((*_SMALL, *_TENS, *_SCALES, 'and'))})(?![^\W_])", re.IGNORECASE
)
_HEDGE = re.compile(
    r"(?:about|approximately|approx\.?|roughly|around|circa|exactly|only|just|simply|equal to"
    r"|equals|a total of|it is|it's|≈|=|~)[\s:]*",
    re.IGNORECASE,
)
_NOT_BUT = re.compile(
    r"(?:not|nicht|no|non)\s+(?P<denied>[^,]{1,40}?)"
    r"(?:,?\s+(?:but(?:\s+rather)?|sondern|sino|mais)|,\s+it(?:'s|\s+is))\s+(?P<meant>.+)",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"[0-9]{1,2}([/.-])[0-9]{1,2}\1(?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}([/.-])[0-9]{1,2}\2[0-9]{1,2}"
)
# `1. 12 2. 15` is a list. `1.080 Euro` may be a thousand and eighty.
_IS_LISTED = re.compile(r"1[.)]\s+\D{0,60}[0-9].{0,60}\s2[.)]\s")
_POINT_OR_COMMA = re.compile(r"[$€]?\s?[0-9]{1,3}\.[0-9]{3}\s*(?:€|Euros?\b|EUR\b)")
_BELOW_ZERO = re.compile(r"(?:negative|minus)\s+", re.IGNORECASE)
# What a sentence says before its number: `Tom has 42`, `there are 42`, `the total is 42`.
_FRAME = re.compile(
    r"(?:[^\W\d_]+(?:['-][^\W\d_]+)?\s+){0,6}?"
    r"(?:is|are|was|were|be|has|have|had|equals|costs?|needs?|gets?|got|makes?|made|takes?|took|paid"
    r"|pays|earns?|earned|spends?|spent|sold|sells|bought|buys|left|saves?|saved|of|about|exactly)"
    r"\s+(?:(?:about|exactly|only|now|still|a total of)\s+)?",
    re.IGNORECASE,
)
# `the reciprocal of 5` is another number; `a total of 5` is none.
_OF_SOMETHING = re.compile(
    r"(?:(?<=absolute value)"
    r"|(?<!total)(?<!value)(?<!number)(?<!amount)(?<!count)"
    r"(?<!price)(?<!cost)(?<!sum)(?<!result)"
    r"(?<!length)(?<!distance)(?<!weight)(?<!area)(?<!volume)(?<!average)(?<!answer))\s+of\s+\W*$",
    re.IGNORECASE,
)
# A part of something unknown: `3/4 of x`.
_OF_UNKNOWN = re.compile(r"(?:\s*(?:%|percent|per cent))?\s+of\s+\W*(?:[a-z]\b|\\)")
_PLACE = re.compile(
    r"\s+(?:in the (?:morning|afternoon|evening)|de la (?:tarde|mañana|noche)|de [a-z]+o\b)"
)
_WORD = re.compile(r"[^\W\d_]+(?:[.'’-][^\W\d_]+)*")
_ENDS = re.compile(r"\s*(?:[.;,!?]+(?:\s|$)|\n|$)")
_SENTENCE_END = re.compile(r"(?!\s*[;,]\s*\d)\s*(?:[.;!?]+\s|\n)")
# Units that may stand right behind the digits, or hold digits or signs of their own.
_UNIT = re.compile(
    r"\s*(?:%|[€£¥₹$]|°\s*[CFKcf]?\b|°|k?m/h|mph|km/h"
    r"|(?:(?!R\d)[a-zA-Zµ]{1,4}(?:\^?[23]|[²³])?)(?:/(?:[a-zA-Zµ]{1,4}(?:\^?[23]|[²³])?))?(?![\w'^+*!]))"
)
_SHORT_UNITS_WORDS = """
m cm mm km kg g mg lb lbs oz ft in l ml s h hr hrs min mins sec mph kmh pts
"""
_SHORT_UNITS = frozenset(_SHORT_UNITS_WORDS.split())
_HYPHENED = (
    "foot|feet|inche?|mile|meter|metre|yard|year|day|hour|minute|second|week|month|pound|degree"
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_CJK_TURNING = re.compile(
    "[十百千万億亿半多余几数倍点成或和到至减加乘除第番割打以未月日号]|から|分の|分之|ない|ません|また|ではなく"
    "|또는|이상|이하|미만|아니|아닙|없|[0-9]|만|천"
)
# `千克` is a unit, and so is a day that is counted.
_CJK_UNIT = re.compile("^(?:千[克米瓦卡]|日間|ヶ月|个月|個月)")
_CONTRAST = re.compile(
    r",?\s+(?:and\s+)?not\b|,?\s+(?:rather than|instead of|et non|und nicht|y no)\s", re.IGNORECASE
)
_EXPLAINS = re.compile(
    r"\s*(?:,\s*)?(?:because|since|as|which|so|when|given|where|for)\b"
    r"|\s+[-–—]\s+(?=(?!the\b|an?\b)[^\W\d]{2,}\s+[^\W\d]|(?:the|an?)\s+\w+\s+(?:is|are|was|were|has|have)\b)"
    r"|—(?=[^\W\d]{2,}\s)",
    re.IGNORECASE,
)
# Brackets and clauses that say how much of it each has, and what that comes to.
_RATE = re.compile(r"\s*[$€£¥]?\s*[0-9.,]+\s+(?:[^\W\d_]+\s+)?(?:per|each)\b")
_SO_MANY = re.compile(r",\s+so\b[^.]*[0-9]")
_COMMA = re.compile(r"\s*[,;]\s+")
_BRACKET = re.compile(r"\s*\(([^()]*)\)")
# A minus behind an operand subtracts; anywhere else it is the number's sign.
_IN_TEXT = r"(?:(?<![\w)])(?<![0-9)]\s)-)?[0-9][0-9,]*(?:\.[0-9]+)?"
_RESULT = r"=\s*[$€£¥]?\s*(-?[0-9][0-9,]*(?:\.[0-9]+)?)"


def read_number(statement: str) -> tuple[Fraction, bool] | None:
    """The one number that a statement is, and whether it says no more than that.

    A percent sign is a unit: `50%` is 50. Two numbers (`5 or 6`), ranges (`5-6`), times (`3:30`)
    and words that make another number of it (`2 pairs`, `6 squared`, `at least 5`) have no value.
    """
    if len(statement) > MAX_STATEMENT:
        return None
    text = bare(statement)
    if text[:1] in _VULGAR:
        text = f"0{text}"
    if _IS_LISTED.match(text) or _POINT_OR_COMMA.match(text):
        return None
    if turned := _NOT_BUT.fullmatch(text):
        denied, meant = read_number(turned["denied"]), read_number(turned["meant"])
        return (meant[0], False) if denied and meant and denied[0] != meant[0] else None
    if below := _BELOW_ZERO.match(text):
        found = read_number(text[below.end() :])
        return (-found[0], found[1]) if found and found[0] > 0 else None
    start, framed = _start(text)
    if start is None:
        return _in_words(text)
    match = _NUMBER.match(text, start)
    value = _value(match) if match else None
    if match is None or value is None:
        return None
    end = match.end()
    if scale := _SCALE.match(text, end):
        value, end = value * _SCALES.get((scale[1] or "thousand").lower(), 0), scale.end()
    elif part := _PART.match(text, end):
        value, end = value / _PARTS[part[1].lower()], part.end()
    rest = _understood(text, end, value)
    return None if rest is None else (value, not framed and not rest and end == match.end())


def last_number(text: str) -> Fraction | None:
    """The result that a piece of reasoning ends on: behind its last `=`, else its last number."""
    found = re.findall(_RESULT, text) or re.findall(_IN_TEXT, text)
    return evaluate(found[-1].rstrip(",")) if found else None


def holds_number(text: str) -> bool:
    """Whether a number stands in `text`, in digits or in words."""
    return bool(re.search(r"[0-9]|[½¼¾⅓⅔]", text)) or any(map(_is_number_word, _words(text)))


def is_date(text: str) -> bool:
    """Whether a text is a full date in digits, `12/25/2021` or `2021-10-12`, no calculation."""
    return bool(_DATE.fullmatch(text.strip(" .")))


def is_unit(text: str) -> bool:
    """Whether what stands behind a number leaves it what it is: ` m/s`, ` because ...`."""
    return _understood(f"1{text}", 1, Fraction(1)) is not None


def written(value: Fraction) -> str:
    """The canonical text of a number: `42`, `1080`, `0.5`; `1/3` where six decimals do not do."""
    if value.denominator == 1:
        return str(value.numerator)
    scaled = value * 10**DECIMALS
    if scaled.denominator != 1:
        return str(value)
    digits = str(abs(scaled.numerator)).rjust(DECIMALS + 1, "0")
    whole, decimals = digits[:-DECIMALS], digits[-DECIMALS:].rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}.{decimals}"


def _start(text: str) -> tuple[int | None, bool]:
    """Where the number begins, and whether words stand before it; None where none begins."""
    for frame in (None, _HEDGE, _FRAME):
        match = frame.match(text) if frame else None
        start = match.end() if match else 0
        if (match or frame is None) and _NUMBER.match(text, start):
            before = text[:start]
            turning = (
                bool(_OF_SOMETHING.search(before))
                or _turns(before)
                or not _COMPARING.isdisjoint(_words(before))
            )
            return (None, False) if turning else (start, start > 0)
    return None, False


def _value(match: re.Match[str]) -> Fraction | None:
    if match["sign"] and match["minus"]:
        return None
    digits = match["value"].replace(" ", "").replace("'", "")
    if re.fullmatch(r"[0-9.]+\.[0-9]{3},[0-9]{1,2}|[0-9]{4,},[0-9]{1,2}|[0-9]+,[0-9]{2}", digits):
        digits = digits.replace(".", "").replace(",", ".")  # the comma is the point
    if "e" in digits.lower():
        value = Fraction(digits) if abs(int(re.split("[eE]", digits)[1])) <= 18 else None
    else:
        value = evaluate(digits)
    divisor, over, vulgar = match["divisor"], match["over"], match["vulgar"]
    if value is not None and divisor:
        value = value / int(divisor) if int(divisor[:18]) else None
    if value is not None and over:
        part = evaluate(f"{over}/{match['under']}")
        value = None if part is None or part >= 1 or value.denominator != 1 else value + part
    if value is not None and vulgar:
        value += Fraction(_VULGAR[vulgar])
    negative = match["sign"] == "-" or bool(match["minus"])
    return -value if value is not None and negative else value


def _in_words(text: str) -> tuple[Fraction, bool] | None:
    """`twelve`, `Twenty-five apples`, `one hundred and five`, `twelve (12)`: words at the start."""
    value, part, end, last = 0, 0, 0, ""  # `part` of the thousand that is being said
    for word in _NUMBER_WORD.finditer(text):
        if text[end : word.start()].strip(" -"):
            break
        said = word[0].lower()
        if said == "and":
            if last not in _SCALES or not _NUMBER_WORD.match(text, word.end() + 1):
                break
            end = word.end()
            continue
        if said in _SMALL or said in _TENS:
            if last in _SMALL or (last in _TENS and not 0 < _SMALL.get(said, 10) < 10):
                return None
            part += _SMALL.get(said, _TENS.get(said, 0))
        elif said == "hundred" and 0 < part < 10:
            part *= 100
        elif said != "hundred" and 0 < part < 1000:
            value, part = value + part * _SCALES[said], 0
        else:
            return None
        last, end = said, word.end()
    if not last:
        return None
    found = Fraction(value + part)
    return None if _understood(text, end, found) is None else (found, False)


def _understood(text: str, end: int, value: Fraction) -> str | None:
    """What stands behind a number, when all of it leaves the number what it is; else None."""
    rest = text[end:]
    if rest.startswith("!"):  # a factorial, perhaps
        return None
    if not rest.strip(" .,;!?"):
        return ""
    if _PLACE.match(rest) or _OF_UNKNOWN.match(rest):
        return None
    if unit := _unit(rest):
        rest = rest[unit:]
    if _CJK.match(rest):
        return None if _CJK_TURNING.search(_CJK_UNIT.sub("", rest)) else text[end:]
    if _CONTRAST.match(rest):  # `14, not 12`
        return text[end:]
    while bracket := _BRACKET.match(rest):
        if not _is_aside(bracket[1], value):
            return None
        rest = rest[bracket.end() :]
    if _ENDS.match(rest) and (not rest.strip(" .,;!?") or _SENTENCE_END.match(rest)):
        return text[end:]
    if explained := _EXPLAINS.match(rest):
        shared = explained[0].strip(" ,").lower() in ("for", "where", "when") and _turns(rest)
        return None if shared else text[end:]
    if re.fullmatch(rf"-(?:{_HYPHENED})s?[.!?]?", rest):
        return text[end:]
    if comma := _COMMA.match(rest):
        return text[end:] if not _turns(rest[comma.end() :]) else None
    return _words_behind(text[end:], rest, value)


def _words_behind(whole: str, rest: str, value: Fraction) -> str | None:
    """Unit words up to an explanation or the sentence's end: ` apples per day, since ...`."""
    if rest[:1] not in (" ", ""):
        return None
    stop = re.search(r"[.;!?](?:\s|$)|\n|,\s|\(|\s(?:because|since|as|which|so|when|where)\s", rest)
    words = rest[: stop.start()] if stop else rest
    if not re.fullmatch(r"(?:\s+[^\W\d_]+(?:['/-][^\W\d_]+)*)*\s*", words) or _turns(words):
        return None
    if _words(words)[:1] and _words(words)[0] in _COMPARING:
        return None
    after = rest[stop.start() :] if stop else ""
    if after.startswith(",") and not _EXPLAINS.match(after) and _turns(after):
        return None
    if after.startswith("("):
        bracket = _BRACKET.match(after)
        if not bracket or not _is_aside(bracket[1], value):
            return None
    return None if _SO_MANY.match(after) else whole


def _unit(rest: str) -> int:
    """The length of a unit that is a sign or an abbreviation: `%`, ` €`, `kg`, ` m/s`, ` m^2`."""
    match = _UNIT.match(rest)
    if not match:
        return 0
    unit = match[0].strip()
    if (
        rest[0] != " "
        and unit[0].isalpha()
        and re.split(r"[\^/²³0-9]", unit)[0] not in _SHORT_UNITS
    ):
        return 0
    turns = unit.lower() in _TURNING or unit.lower() in _COMPARING
    return 0 if turns or _EXPLAINS.match(match[0]) else match.end()


def _is_aside(inside: str, value: Fraction) -> bool:
    """Whether brackets repeat the number (`twelve (12)`, `0.5 (50%)`) or hold words alone."""
    parts = [part.strip().strip("$").removesuffix("%").strip() for part in inside.split("=")]
    sides = [evaluate(part) for part in parts]
    if None not in sides:
        percent = inside.strip().endswith("%") and sides[0] == 100 * value
        return percent or all(side == value for side in sides)
    if again := re.match(r"or\s+(.+)", inside.strip()):
        return evaluate(again[1]) == value
    aside = _EXPLAINS.match(f" {inside}") or _RATE.match(inside) or re.match(r"not\b", inside)
    return bool(aside) or not _turns(inside)


def _turns(text: str) -> bool:
    """Whether words or digits in `text` could make another number of the one before."""
    return bool(re.search(r"[0-9=+*^]", text)) or any(
        word in _TURNING or word in _SCALES or word in _PARTS or _is_number_word(word)
        for word in _words(text)
    )


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _is_number_word(word: str) -> bool:
    return all(part in _SMALL or part in _TENS for part in word.split("-")) and word != "one"
