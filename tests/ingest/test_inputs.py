"""What a student's folder will say of its inputs: columns, templates, an example."""

import pytest

from stillhouse.config.dataset import DatasetConf
from stillhouse.core.sampling import shuffled
from stillhouse.ingest.examples import build_examples
from stillhouse.ingest.files import RawRow
from stillhouse.ingest.inputs import inputs
from tests.config.project import ENTRIES

ROWS = [
    {"id": f"r{n}", "full text": f"row {n} {'word ' * n}", "title": f"t{n}", "label": "x", "no": n}
    for n in range(20)
]
FIELDS = {
    "id": "{{ id }}",
    "query": '{{ title }}: {{ row["full text"] }} {{ _file }}',
    "label": "{{ label }}",
}


def made(rows=ROWS, fields=FIELDS, **changes):
    values = ENTRIES["dataset/own"] | {"fields": fields} | changes
    conf = DatasetConf.model_validate(values)
    raw = {"train": [RawRow(f"f:{n}", row | {"_file": "f"}) for n, row in enumerate(rows)]}
    return inputs(conf, raw, build_examples(conf, raw)[0]), build_examples(conf, raw)[0]


def test_columns_are_those_that_the_templates_read_in_the_order_of_the_source():
    found, _ = made()
    assert found["columns"] == ["full text", "title"]
    assert found["query"] == FIELDS["query"]
    assert found["choices"] == []
    chosen, _ = made(fields=FIELDS | {"choices": "[label, no | string]"})
    assert chosen["columns"] == ["full text", "title", "label", "no"]
    assert chosen["choices"] == "[label, no | string]"


def test_the_example_is_a_training_row_without_its_label():
    found, examples = made()
    example = found["example"]
    assert example["columns"].keys() == {"full text", "title"}
    (row,) = [row for row in examples if row["query"] == example["query"]]
    assert row["split"] == "train"
    assert example["columns"] in [
        {name: each[name] for name in ("full text", "title")} for each in ROWS
    ]


def test_the_order_of_the_source_chooses_nothing():
    wanted, _ = made()
    order = shuffled([row["id"] for row in ROWS], 1)
    assert made(sorted(ROWS, key=lambda row: order.index(row["id"])))[0] == wanted


@pytest.mark.parametrize("value", [None, 7, ["a", {"b": None}], float("inf")])
def test_an_example_has_any_value_that_a_source_has(value):
    fields = FIELDS | {"query": "{{ title }} {{ no }}", "optional": ["no"]}
    found, _ = made([row | {"no": value} for row in ROWS], fields)
    assert found["optional"] == ["no"]
    assert found["example"]["columns"]["no"] == value
