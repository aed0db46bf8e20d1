"""Which stored completions serve a request."""

from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc


def serves(rows: pa.Table, max_tokens: int) -> "pa.ChunkedArray[Any]":
    """For each stored row, whether asking now under the limit `max_tokens` would give it again.

    - It ended by itself, as a refusal does, too, under a limit as small or smaller: yes, a larger
      limit changes nothing.
    - It ended by itself under a larger limit: only if it is known to have fewer tokens than the
      limit now. Fewer, not as many: engines differ in whether they count the end-of-text token.
    - It was cut by its limit: only under the very same limit. Under a larger one it would go on,
      under a smaller one it would be cut earlier.
    """
    compute = cast(Any, pc)  # its stubs know no comparisons of int32
    limit = pa.scalar(max_tokens, pa.int32())
    shorter = compute.fill_null(compute.less(rows["completion_tokens"], limit), False)
    no_longer = compute.or_(compute.less_equal(rows["max_tokens"], limit), shorter)
    the_same = compute.equal(rows["max_tokens"], limit)
    ended = compute.is_in(rows["finish_reason"], value_set=pa.array(["stop", "refusal"]))
    return cast("pa.ChunkedArray[Any]", compute.if_else(ended, no_longer, the_same))
