"""What 1,000 answers of a model cost, from the tokens that an experiment counted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from stillhouse.config.teacher import Price
from stillhouse.core import paths
from stillhouse.core.yaml import parse_yaml
from stillhouse.experiments.git import read_text
from stillhouse.report.against import TEACHER
from stillhouse.report.cost import ANSWERS, Rates
from stillhouse.teacher_generate.estimate import money


@dataclass(frozen=True)
class Cost:
    """Money, and in which currency."""

    amount: float
    price: Price


def cost_of(commit: str, model: str) -> Cost | None:
    """The cost of 1,000 answers of one of the report's models; None without counts or a price."""
    tokens = _tokens(commit)
    if model not in tokens:
        return None
    prices = {group: _price(commit, group) for group in (TEACHER, "student")}
    rates = Rates(prices, {})
    amount = rates.money(model, tokens[model])
    return None if amount is None else Cost(ANSWERS * amount, rates.price(model))


def shown_cost(cost: Cost) -> str:
    """As a table has it."""
    return money(cost.amount, cost.price)


# Many cells show the same experiment, and what a commit holds never changes.
@cache
def _tokens(commit: str) -> Mapping[str, Mapping[str, float]]:
    report = read_text(commit, paths.REPORT)
    return json.loads(report).get("tokens", {}) if report else {}


@cache
def _price(commit: str, group: str) -> Price:
    params = read_text(commit, paths.PARAMS)
    name = (parse_yaml(params, str(paths.PARAMS)) if params else {}).get(group)
    path = paths.CONF / group / f"{name}.yaml"
    entry = read_text(commit, path)
    values = parse_yaml(entry, str(path)) if entry else {}
    return Price.model_validate(values.get("price") or {})
