"""The rules of the house that no linter knows, checked on every file Git would keep."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
SOURCES = ("dags", "operators", "include", "sql")
TOP_LEVEL = {
    ".airflowignore",
    ".ci",
    ".dockerignore",
    ".gitattributes",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "NOTICE",
    "README.md",
    "dags",
    "docker-compose.yml",
    "docs",
    "include",
    "operators",
    "pyproject.toml",
    "requirements.lock",
    "sql",
    "tests",
}
LONGEST_MODULE = 400
SAYS_NOTHING = {"base", "common", "helpers", "manager", "misc", "util", "utils"}
CODE = {".py", ".sql", ".toml", ".yml", ".yaml", ".sh", ".j2", ".css", ".js", ""}
DATA = ROOT / "include" / "data" / "product_reviews"

# One letter of each stands in brackets, or this file would break its own rules.
NOT_OURS_TO_NAME = {
    "a registry's host": re.compile(
        r"p[y]pi\.(org|io)|pythonh[o]sted|npm[j]s\.(org|com)|registry\.n[p]m|deb\.d[e]bian"
    ),
    "a place outside the repository": re.compile(
        r"\.\./sh[a]red|(?<![\w.])/(farm|w[o]rk)/(in|main|shared|steering|\.library)\b"
    ),
}
WITHOUT_OWNER = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X)\b(?!\(\w[\w -]*\))")


def kept_files() -> list[Path]:
    """List every file that is in Git or would be added, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = {Path(name) for name in listed.stdout.split("\0") if name}
    return sorted(path for path in paths if (ROOT / path).is_file())


def text_of(path: Path) -> str:
    """Return a file's text, or nothing for a binary file."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


FILES = kept_files()
MODULES = [path for path in FILES if path.suffix == ".py"]
SOURCE_MODULES = [path for path in MODULES if path.parts[0] in SOURCES]


def test_the_top_level_holds_what_the_tree_names_and_nothing_else() -> None:
    assert {path.parts[0] for path in FILES} == TOP_LEVEL


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    lengths = {path.as_posix(): text_of(path).count("\n") for path in SOURCE_MODULES}

    assert lengths
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_every_module_is_named_for_what_it_does() -> None:
    assert [path.as_posix() for path in MODULES if path.stem in SAYS_NOTHING] == []


def test_every_source_module_says_what_it_is() -> None:
    silent = [
        path.as_posix()
        for path in SOURCE_MODULES
        if not ast.get_docstring(ast.parse(text_of(path)))
    ]

    assert silent == []


def test_every_module_with_code_postpones_its_annotations() -> None:
    eager = []
    for path in MODULES:
        tree = ast.parse(text_of(path))
        code = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
        if code and ast.unparse(code[0]) != "from __future__ import annotations":
            eager.append(path.as_posix())

    assert eager == []


def test_every_open_end_has_an_owner() -> None:
    found = [
        f"{path}:{number}"
        for path in FILES
        if path.suffix in CODE
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if WITHOUT_OWNER.search(line)
    ]

    assert found == []


@pytest.mark.parametrize("what", NOT_OURS_TO_NAME)
def test_no_file_names_what_is_not_ours(what: str) -> None:
    pattern = NOT_OURS_TO_NAME[what]

    assert [path.as_posix() for path in FILES if pattern.search(text_of(path))] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("see ../sh" + "ared/design.md", "a place outside the repository"),
        ("https://py" + "pi.org/simple", "a registry's host"),
        ("https://registry.np" + "mjs.org", "a registry's host"),
    ],
)
def test_the_search_for_such_names_finds_them(line: str, found: str) -> None:
    assert [what for what, pattern in NOT_OURS_TO_NAME.items() if pattern.search(line)] == [found]


def test_an_open_end_without_an_owner_is_told_from_one_with() -> None:
    mark = "TO" + "DO"

    assert WITHOUT_OWNER.search(f"# {mark}: later")
    assert not WITHOUT_OWNER.search(f"# {mark}(ada): when DuckDB 2.1 is out")


def test_every_layer_says_what_lives_there_and_where_to_start() -> None:
    for layer in (*SOURCES, "tests"):
        text = (ROOT / layer / "README.md").read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 5
        assert "May import" in text
        (start,) = re.findall(r"Start with `([^`]+)`", text)
        assert (ROOT / layer / start).is_file(), f"{layer}/README.md starts with {start}"


def test_the_vendored_data_is_as_published() -> None:
    table = (DATA / "README.md").read_text(encoding="utf-8")
    promised = {
        name: (int(size.replace(",", "")), digest)
        for name, size, digest in re.findall(
            r"^\| `([^`]+)` \| ([\d,]+) \| `([0-9a-f]{64})` \|$", table, flags=re.MULTILINE
        )
    }
    contents = {file.name: file.read_bytes() for file in DATA.glob("*.txt")}

    assert promised == {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    assert len(promised) == 2


def test_a_checkout_rewrites_no_line_end_of_the_vendored_data() -> None:
    names = [file.relative_to(ROOT).as_posix() for file in sorted(DATA.glob("*.txt"))]
    answer = subprocess.run(
        ["git", "check-attr", "text", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.splitlines() == [f"{name}: text: unset" for name in names]
