"""Write down what each stage's code means, so that an edit reruns what it can change.

Reads the package's source and the scripts beside. Writes data/code. Params: none. Run it with
`dvc repro code`.
"""

from stillhouse.code.record import write_fingerprints
from stillhouse.core.stage import run_stage


def main() -> None:
    write_fingerprints()


if __name__ == "__main__":
    run_stage("code", main)
