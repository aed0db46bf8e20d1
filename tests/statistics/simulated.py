"""Students of two methods, simulated: row difficulty is shared, seeds and methods add to it."""

import numpy as np
from scipy.special import expit

BATCH = 200


def trials(
    count, seeds, rows, *, deviation, difference=0.0, interaction=0.0, accuracy=0.65, difficulty=2.0
):
    """Right and wrong answers of both sides, (trials, seeds, rows), some trials at a time.

    Logits add up: the row's difficulty, what the method makes of the row, the seed. `deviation` and
    `difference` are shares of rows; `interaction` and `difficulty` are standard deviations of
    logits.
    """
    random = np.random.default_rng(0)
    centre, slope = _centre(accuracy, np.hypot(difficulty, interaction))
    for _ in range(0, count, BATCH):
        hard = random.standard_normal((BATCH, 1, rows), dtype=np.float32) * difficulty
        sides = []
        for number, shift in zip(seeds, (0.0, difference), strict=True):
            logit = hard + np.float32(centre + shift / slope)
            if interaction:
                logit = logit + interaction * random.standard_normal(logit.shape, dtype=np.float32)
            of_seed = random.standard_normal((BATCH, number, 1), dtype=np.float32)
            chance = expit(logit + np.float32(deviation / slope) * of_seed)
            sides.append(random.random(chance.shape, dtype=np.float32) < chance)
        yield sides


def _centre(accuracy, spread):
    """The mean logit that gives an accuracy, and how much accuracy a unit of logit is there."""
    grid = spread * np.linspace(-6, 6, 2001)
    weight = np.exp(-0.5 * (grid / spread) ** 2)
    weight /= weight.sum()
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(middle + grid) @ weight < accuracy else (low, middle)
    share = expit(low + grid)
    return low, (share * (1 - share)) @ weight
