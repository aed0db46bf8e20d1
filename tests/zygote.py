"""A `python` and a `dvc` that start in no time: forks of one process that has the libraries loaded.

Importing torch and transformers takes ten seconds of CPU, and the pipeline's tests start dozens
of stages. Each fork still runs the script that it is given, or the program behind `-c`, from its
own checkout, with its own arguments, environment and working directory; nothing of stillhouse is
there beforehand.
"""

import array
import json
import os
import runpy
import shlex
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRELOAD = (
    "import torch, transformers, accelerate, peft, faiss, pyarrow.parquet, jinja2.sandbox; "
    "import pydantic, numpy, rapidfuzz.fuzz, ruamel.yaml, sklearn.linear_model; "
    "import dvc.repo, dvc.repo.experiments.run, dvc.commands.experiments.run, dvc.commands.repro; "
    "from pydantic import BaseModel, Field, TypeAdapter, model_validator; "
    "TypeAdapter(type('Any', (BaseModel,), {})); "
    "from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, "
    "AutoTokenizer, GenerationConfig"
)
# In two languages: the first lines are for the shell, since the place of Python may hold a blank
# or be longer than a kernel reads. Nor is a socket's address long: it is named from its folder.
CLIENT = """#!/bin/sh
'''exec' {python} -SE "$0" "$@"
'''
import array, json, os, socket, sys
arguments = {before} + sys.argv[1:]
request = json.dumps({{"argv": arguments, "cwd": os.getcwd(), "env": dict(os.environ)}})
os.chdir({folder!r})
server = socket.socket(socket.AF_UNIX)
server.connect("socket")
server.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
server.sendall(request.encode())
server.shutdown(socket.SHUT_WR)
sys.exit(int(server.makefile().read() or 70))
"""


@contextmanager
def fast_python(
    folder: Path, hash_seed: int = 0, executable: str = sys.executable
) -> Iterator[Path]:
    """Serve forks while the block runs; yields a folder with both, to stand first on PATH.

    `executable` is the Python that is forked, and DVC the one beside it.
    """
    folder.mkdir(parents=True)
    for name, before in {"python": [], "dvc": [str(Path(executable).parent / "dvc")]}.items():
        client = folder / name
        text = CLIENT.format(python=shlex.quote(executable), folder=str(folder), before=before)
        client.write_text(text, encoding="utf-8")
        client.chmod(0o755)
    environment = {"OMP_NUM_THREADS": "1"} | os.environ | {"PYTHONHASHSEED": str(hash_seed)}
    server = subprocess.Popen(
        [executable, __file__],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == "ready\n"
        yield folder
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def keep_locks_in_c() -> None:
    """Let DVC read and write `dvc.lock` with libyaml.

    It does so after each stage, in Python that keeps comments and layout: a third of these
    tests' time, for a file that has no comments. Every other file is handled as ever.
    """
    import dvc.dvcfile
    import yaml
    from dvc.utils.serialize import _common, _yaml

    keep_layout = dvc.dvcfile.modify_yaml

    def dump(data, stream):
        plain = json.loads(json.dumps(data))
        yaml.dump(plain, stream, Dumper=yaml.CSafeDumper, sort_keys=False)

    def modify(path, fs=None):
        if Path(path).name == "dvc.lock":
            return _common._modify_data(path, _yaml.parse_yaml, dump, fs=fs)
        return keep_layout(path, fs=fs)

    dvc.dvcfile.modify_yaml = modify


def serve() -> None:
    """Fork a child for every connection; each child forks the stage and reports its status."""
    parent = os.getppid()
    exec(PRELOAD, {})
    keep_locks_in_c()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket")
    listener.listen()
    listener.settimeout(1)
    print("ready", flush=True)
    while os.getppid() == parent:
        with suppress(ChildProcessError):  # waited for, so that their time is counted
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        connection.setblocking(True)
        if os.fork() == 0:
            listener.close()
            _respond(connection)
            os._exit(0)
        connection.close()


def _respond(connection: socket.socket) -> None:
    _, ancillary, _, _ = connection.recvmsg(1, socket.CMSG_LEN(3 * array.array("i").itemsize))
    streams = array.array("i")
    streams.frombytes(ancillary[0][2])
    request = json.loads(connection.makefile().read())
    child = os.fork()
    if child == 0:
        connection.close()
        _run(request, list(streams))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with suppress(BrokenPipeError):
        connection.sendall(str(status if status >= 0 else 128 - status).encode())


def _run(request: dict, streams: list[int]) -> None:
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = request["argv"]
    sys.path[:0] = [
        "" if sys.argv[0] == "-c" else str(Path(sys.argv[0]).resolve().parent),
        *filter(None, request["env"].get("PYTHONPATH", "").split(":")),
    ]
    status = 0
    try:
        if sys.argv[0] == "-c":
            program = sys.argv.pop(1)
            exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    del sys.path[0]  # this folder, which has a `statistics` of its own
    serve()
