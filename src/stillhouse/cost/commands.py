"""What `stillhouse cost` prints."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stillhouse.code.why import explain
from stillhouse.config.prompt import PromptConf
from stillhouse.config.search import SearchConf
from stillhouse.config.whole import load_all, load_entry
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import read_json
from stillhouse.core.tables import EXAMPLES, EXEMPLARS, PROMPTS
from stillhouse.cost.cost import Chosen, Cost, costs
from stillhouse.cost.search import search_cost
from stillhouse.store.store import Store
from stillhouse.teacher_generate.estimate import has_price, money
from stillhouse.teacher_generate.spending import Tokens
from stillhouse.teacher_select.asking import Asking
from stillhouse.teacher_select.selected import selected_prompt, selected_teacher

MAKE = "`dvc repro prompt` makes it and asks nobody"


def cost_of_next_run() -> tuple[list[Cost], str | None]:
    """What each model is asked for, and what is to be said of the prompts: None where they are
    those of the next run. Raises StillhouseError where there are none.

    A search that is still to be made comes alone: what is asked after it follows from its choice.
    """
    knobs, loaded = load_all()
    entries: dict[str, Any] = dict(loaded)
    search, selected = entries["search"], {}
    if search.prompts:
        if before := _stale("teacher_select", itself=True):
            return _cost_of_search(search, entries, before)
        selected = read_json(paths.SELECTED)
    chosen = Chosen(
        knobs,
        dataset=entries["dataset"],
        prompt=selected_prompt(entries["prompt"], selected),
        teacher=selected_teacher(entries["teacher"], selected),
        judge=entries["judge"],
        augment=entries["augment"],
        student=entries["student"],
    )
    if not PROMPTS.path.exists():
        raise StillhouseError(f"{PROMPTS.path} does not exist yet: {MAKE}. Then ask again.")
    found = costs(chosen, Store.default(), judged_is_current=not _stale("feedback_judge"))
    stale = _stale("prompt", itself=True)
    if not stale:
        return found, None
    said = f"{PROMPTS.path} is of another run ({', '.join(stale)} would run first): {MAKE}."
    return found, said


def _cost_of_search(
    search: SearchConf, entries: Mapping[str, Any], stale: Sequence[str]
) -> tuple[list[Cost], str]:
    for table in (EXAMPLES, EXEMPLARS):
        if not table.path.exists():
            raise StillhouseError(
                f"{table.path} does not exist yet: `dvc repro retrieve` makes it and asks nobody. "
                "Then ask again."
            )
    prompts = {name: load_entry(PromptConf, name) for name in search.prompts}
    tables = EXAMPLES.read_rows(), EXEMPLARS.read_rows()
    asking = Asking(entries["dataset"], entries["teacher"], prompts, *tables)
    said = (
        "the search comes first. What else is asked follows from its choice, which `dvc repro "
        "teacher_select` makes."
    )
    if before := [stage for stage in stale if stage != "teacher_select"]:
        said += (
            f" Its rows are of another run ({', '.join(before)} would run first): `dvc repro "
            "retrieve` makes them and asks nobody."
        )
    return [search_cost(search, asking, Store.default())], said


def _stale(stage: str, *, itself: bool = False) -> list[str]:
    """The stages that would run before a stage; with `itself` it counts, too."""
    (found,) = explain(stage)
    return [*found.before, *([stage] if itself and found.reasons else [])]


def as_lines(found: Sequence[Cost], stale: str | None) -> Iterator[str]:
    """The costs as people read them."""
    if stale:
        yield f"warning: {stale}"
    for each in found:
        yield from _lines(each)
    yield from _total(found)


def _lines(cost: Cost) -> Iterator[str]:
    if cost.recorded:
        yield f"{cost.what}, {cost.model}: {cost.requests:,} recorded completions; nobody is asked"
        return
    if not cost.exact:
        probably = f"about {cost.expected_requests:,}, " if cost.expected_requests else ""
        yield f"{cost.what}, {cost.model}: {probably}{cost.least:,} to {cost.requests:,} requests"
    else:
        yield (
            f"{cost.what}, {cost.model}: {cost.to_ask:,} of {cost.requests:,} requests to ask, "
            f"{cost.stored:,} are in the store"
        )
        yield from _splits(cost)
    if not cost.to_ask:
        return
    expected, most, price = cost.expected, cost.most, cost.price
    if cost.exact:
        yield f"  tokens in   about {most.prompt:,}"
    else:
        read = "" if expected is None else f"about {expected.prompt:,}, "
        yield f"  tokens in   {read}at most about {most.prompt:,}"
    written = "" if expected is None else f"about {expected.completion:,}, "
    yield f"  tokens out  {written}at most {most.completion:,}"
    if has_price(price):
        paid = "" if expected is None else f"about {money(expected.money(price), price)}, "
        yield f"  money       {paid}at most {money(most.money(price), price)}"
    if cost.budget is not None:
        yield f"  budget      {_budget(cost)} a run"
    yield f"  ({cost.basis})"


def _budget(cost: Cost) -> str:
    budget = cost.budget
    assert budget
    if budget.money is not None:
        return money(budget.money, cost.price)
    return f"{budget.tokens:,} tokens"


def _splits(cost: Cost) -> Iterator[str]:
    if len(cost.splits) < 2 and sum(each.rows for each in cost.splits.values()) == cost.requests:
        return
    width = max(map(len, cost.splits), default=0)
    for name, each in cost.splits.items():
        yield (
            f"  {name:<{width}}  {each.requests - each.stored:>7,} to ask, {each.stored:>7,} in "
            f"the store, for {each.rows:,} rows"
        )


def _total(found: Sequence[Cost]) -> Iterator[str]:
    """The sum, where there are several and one currency."""
    asked = [each for each in found if each.to_ask and has_price(each.price)]
    if len(asked) < 2 or len({each.price.currency for each in asked}) > 1:
        return
    price = asked[0].price
    known = [each.expected.money(each.price) for each in asked if each.expected is not None]
    expected = f"about {money(sum(known), price)}, " if len(known) == len(asked) else ""
    most = sum(each.most.money(each.price) for each in asked)
    yield f"in all {expected}at most {money(most, price)}"


def _amounts(cost: Cost, tokens: Tokens | None) -> dict[str, float] | None:
    if tokens is None:
        return None
    amount = tokens.money(cost.price)
    return {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "money": amount,
    }


def as_json(found: Sequence[Cost], stale: str | None) -> str:
    """The costs as a JSON object: `prompts` says whether they are those of the next run."""
    asked = [
        {
            "what": each.what,
            "model": each.model,
            "exact": each.exact,
            "requests": each.requests,
            "least_requests": each.least,
            "expected_requests": each.expected_requests,
            "stored": each.stored,
            "to_ask": each.to_ask,
            "splits": {name: vars(split) for name, split in each.splits.items()},
            "basis": each.basis,
            "currency": each.price.currency,
            "expected": _amounts(each, each.expected),
            "most": _amounts(each, each.most),
        }
        for each in found
    ]
    prompts = {"current": stale is None, "said": stale}
    return json.dumps({"prompts": prompts, "asked": asked}, indent=2, ensure_ascii=False)
