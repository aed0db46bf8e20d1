"""Write down what each stage's code means, so that an edit reruns what it can change.

Run it with `dvc repro code`.
"""

from stillhouse.code.record import write_fingerprints
from stillhouse.stage import Stage, StageConfig, run_stage


def main(_: Stage[StageConfig]) -> None:
    write_fingerprints()


if __name__ == "__main__":
    run_stage("code", main, StageConfig)
