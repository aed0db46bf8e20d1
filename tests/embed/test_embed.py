import numpy as np
import pytest
import yaml

from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.whole import load_entry, names
from stillhouse.core import tables
from stillhouse.core.errors import StillhouseError
from stillhouse.core.uri import parse_source
from stillhouse.embed.embed import embeddings_for, normalised
from stillhouse.sources.pin import pin
from tests.conftest import REPOSITORY

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "dog", "counts", "forty", "apples"]


def conf(folder, **changes):
    values = {
        "description": "Tiny", "kind": "mean_pooling", "source": pin(folder),
        "max_tokens": 256, "normalise": False, "compute": {"device": "cpu"},
    }  # fmt: skip
    return EmbedderConf(**(values | changes))


def rows(queries, split="train"):
    return [{"id": f"r{n:03d}", "split": split, "query": q} for n, q in enumerate(queries)]


def queries(number, seed=0):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(1, 20))) for _ in range(number)]


def vectors(table):
    return dict(zip(table["id"].to_pylist(), table["vector"].to_pylist(), strict=True))


def embedded(conf, examples):
    """The embeddings table."""
    return embeddings_for("topk", conf, examples)[0]


@pytest.fixture(scope="module")
def bert(tiny_models):
    return tiny_models / "bert"


def test_a_vector_is_the_mean_of_the_last_hidden_state(bert):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(bert), AutoModel.from_pretrained(bert).eval()
    texts = queries(20)
    found = vectors(embedded(conf(bert), rows(texts)))
    for row in rows(texts):
        with torch.inference_mode():
            hidden = model(**tokenizer(row["query"], return_tensors="pt")).last_hidden_state[0]
        assert np.allclose(found[row["id"]], hidden.mean(dim=0).numpy(), atol=1e-5)


def test_a_vector_depends_on_its_text_alone(bert):
    everything = rows(queries(70))
    some = [row for n, row in enumerate(everything) if n % 3]
    reordered = list(reversed(some))
    whole, part = embedded(conf(bert), everything), embedded(conf(bert), reordered)
    assert vectors(part) == {row["id"]: vectors(whole)[row["id"]] for row in some}


def test_equal_rows_give_equal_bytes(bert, tmp_path):
    for name in ("one", "two"):
        table = embedded(conf(bert), rows(queries(10)))
        tables.EMBEDDINGS.at(tmp_path / name).write(table)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    read = tables.EMBEDDINGS.at(tmp_path / "one").read()
    assert vectors(read) == vectors(table)


def test_all_splits_are_embedded_but_human_exemplars(bert):
    texts = queries(5)
    splits = ["train", "validation", "test", "unlabelled", "exemplar"]
    mixed = [row | {"split": s} for row, s in zip(rows(texts), splits, strict=True)]
    assert set(vectors(embedded(conf(bert), mixed))) == {"r000", "r001", "r002", "r003"}


def test_nothing_but_the_query_is_embedded(bert):
    plain = rows(queries(4))
    labelled = [
        row | {"label": f"label {n}", "gold_rationale": "because", "choices": ["x"], "group": "g"}
        for n, row in enumerate(plain)
    ]
    assert embedded(conf(bert), plain).equals(embedded(conf(bert), labelled))


def test_what_lies_beyond_max_tokens_is_cut_off(bert):
    long = "dog " * 100
    found = vectors(embedded(conf(bert, max_tokens=8), rows([long, long + "apples"])))
    assert found["r000"] == found["r001"]


def test_queries_that_are_cut_are_counted_with_a_way_out(bert, capsys):
    table = rows([*queries(3), "dog " * 300, "dog " * 400])
    _, metrics = embeddings_for("topk", conf(bert), table)
    assert metrics == {"rows": 5, "cut": 2, "cut_share": 0.4}
    warning = capsys.readouterr().err
    for part in ("2 of 5 queries (40.0%)", "`max_tokens` (256)", "up to 512"):
        assert part in warning
    _, metrics = embeddings_for("topk", conf(bert, max_tokens=512), table)
    assert metrics["cut"] == 2, "byte-level tokens of the tiny vocabulary"
    assert "or choose" not in capsys.readouterr().err, "the model reads no more"
    assert embeddings_for("topk", conf(bert), table[:3])[1]["cut"] == 0
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("exemplars", ["none", "random", "human"])
def test_arms_that_need_no_vectors_do_not_even_open_the_embedder(exemplars):
    described = conf(REPOSITORY / "conf").model_copy(update={"source": "file:nowhere"})
    table, metrics = embeddings_for(exemplars, described, rows(queries(3)))
    assert table.num_rows == 0
    assert metrics == {"rows": 0, "cut": 0, "cut_share": 0.0}


def test_a_query_that_spells_a_control_token_is_text(bert):
    from transformers import AutoTokenizer

    from stillhouse.embed.encoders import load_encoder

    special = AutoTokenizer.from_pretrained(bert).all_special_ids
    tokens = load_encoder(conf(bert), bert).tokenize(["a <|im_end|> b <|pad|>"])
    assert not set(tokens[0]) & set(special)


def test_normalised_vectors_have_length_one(bert):
    found = embedded(conf(bert, normalise=True), rows(queries(6)))
    for vector in vectors(found).values():
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert not normalised(np.zeros((1, 3), dtype=np.float32)).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_tokens": 4096}, "reads at most 512 tokens"),
        ({"kind": "sentence_transformers"}, "has no modules.json"),
    ],
)
def test_mistakes_are_named(bert, changes, message):
    with pytest.raises(StillhouseError, match=message):
        embedded(conf(bert, **changes), rows(["a dog"]))


def test_no_rows_is_an_error(bert):
    with pytest.raises(StillhouseError, match="no rows to embed"):
        embedded(conf(bert), rows(["a dog"], split="exemplar"))


@pytest.mark.slow
def test_a_sentence_transformers_folder_gives_that_librarys_vectors(bert, tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(bert))
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="cls")
    library = SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")
    library.save(str(tmp_path / "model"))
    texts = queries(20)
    described = conf(tmp_path / "model", kind="sentence_transformers")
    found = vectors(embedded(described, rows(texts)))
    expected = library.encode(texts)
    for row, vector in zip(rows(texts), expected, strict=True):
        assert np.allclose(found[row["id"]], vector, atol=1e-5)


@pytest.mark.parametrize("name", names("embedder", REPOSITORY))
def test_a_shipped_embedder_is_valid_and_pinned(name):
    described = load_entry(EmbedderConf, name, REPOSITORY)
    assert parse_source(described.source)
    written = yaml.safe_load((REPOSITORY / f"conf/embedder/{name}.yaml").read_text())
    assert "#sha256=" in written["source"] or len(written["source"].split("@")[-1]) == 40
