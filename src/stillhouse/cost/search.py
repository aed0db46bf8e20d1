"""What a search asks before anything else is."""

from collections.abc import Sequence

from stillhouse.config.search import Candidate, SearchConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.cost.cost import Cost
from stillhouse.cost.measured import completion_tokens, prompt_tokens
from stillhouse.store.store import Store
from stillhouse.teacher_generate.plan import Plan, make_plan
from stillhouse.teacher_select.asking import Asking
from stillhouse.teacher_select.search import round_sizes, rows_to_search_on


def search_cost(conf: SearchConf, asking: Asking, store: Store) -> Cost:
    """All candidates are asked about the rows of the first round, at most about all rows.

    At least, what ends below one `max_tokens` serves the others, too.
    """
    candidates = conf.candidates(asking.teacher.decoding)
    ids = rows_to_search_on(asking, conf.rows)
    first, *_ = round_sizes(len(ids), conf.halving)
    begun = _plans(asking, candidates, ids[:first], store)
    least = len({key for _, plan in begun for key in plan.missing})
    plans = _plans(asking, candidates, ids, store)
    numbers = [len(plan.missing) for _, plan in plans]
    sizes = [prompt_tokens(plan) for _, plan in plans]
    lengths = [completion_tokens(plan, teacher, {}) for teacher, plan in plans]
    asked = [
        (number, size.mean or 0, length)
        for number, size, length in zip(numbers, sizes, lengths, strict=True)
        if number
    ]
    known = [number * each.mean for number, _, each in asked if each.mean is not None]
    distinct = sum(sum(plan.first_of_each()) for _, plan in plans)
    exact = least == sum(numbers)
    said = dict.fromkeys(each.source for _, _, each in asked)
    return Cost(
        "search",
        asking.teacher.model.name,
        requests=distinct if exact else sum(numbers),
        stored=distinct - sum(numbers) if exact else 0,
        exact=exact,
        least=least,
        prompt=round(sum(number * size for number, size, _ in asked)),
        completion=round(sum(known)) if len(known) == len(asked) else None,
        completion_most=sum(
            number * teacher.decoding.max_tokens
            for number, (teacher, _) in zip(numbers, plans, strict=True)
        ),
        basis=f"{len(candidates)} candidates, {len(ids):,} validation rows; {'; '.join(said)}",
        price=asking.teacher.price,
        budget=asking.teacher.compute.budget,
    )


def _plans(
    asking: Asking, candidates: Sequence[Candidate], ids: Sequence[str], store: Store
) -> list[tuple[TeacherConf, Plan]]:
    return [
        (batch.teacher, make_plan(batch.prompts, batch.teacher, store))
        for batch in asking.batches(candidates, ids)
    ]
