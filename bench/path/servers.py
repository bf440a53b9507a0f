"""The servers that writers are measured against, each new for each run: `s2 lite` and `ringtail local`. Starting them and
waiting for them is the system tests' code."""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
os.environ.setdefault("RINGTAIL", str(ROOT / "build/release/ringtail"))
sys.path.insert(0, str(ROOT / "tests/system"))

import local_cli_test  # noqa: E402
import support  # noqa: E402

SCRATCH = ROOT / "build/bench"  # on the disk that holds the project, never in memory
BASIN = "bench-basin"
STREAM = "events"


def kept_file(name, write):
    """A file of the scratch directory that later runs find there; write(file) makes it."""
    path = SCRATCH / name
    if not path.exists():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        with open(unfinished, "wb") as out:
            write(out)
        unfinished.rename(path)
    return path


@contextlib.contextmanager
def scratch():
    """A new directory that goes at the end."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=SCRATCH))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def serving(make):
    with scratch() as directory:
        server = make(directory)
        try:
            server.create_basin(BASIN)
            yield server
        finally:
            server.close()


def lite(tls=False, on_disk=False):
    """`s2 lite`, in memory or with its objects on the disk."""
    return serving(lambda directory: support.Lite(tls="self" if tls else None, parent=directory,
                                                  local_root=directory / "objects" if on_disk else None))


def local(tls=False):
    """`ringtail local`, always on the disk."""
    return serving(lambda directory: local_cli_test.Local(directory / "store.db", tls="self" if tls else None))


def tail(server):
    """The next sequence number of the stream."""
    return int(server.s2("check-tail", f"s2://{BASIN}/{STREAM}").split()[0])
