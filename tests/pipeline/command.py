"""The `stillhouse` command as a script, which the quick `python` of the tests can run."""

from stillhouse.cli import main

if __name__ == "__main__":
    main()
