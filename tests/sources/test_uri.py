import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.sources.uri import FileSource, HubSource, WheelSource, parse_source

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
