"""What is installed: the wheel holds exactly our three packages, the lock exactly what they need."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


ROOT = Path(__file__).parents[1]
PACKAGES = {"airquery": "include", "airquery_airflow": "operators", "airquery_sql": "sql"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")

BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
LOAD = """
import importlib, sys
from importlib.metadata import distributions
(ours,) = distributions(path=[sys.argv[1]])
for entry in ours.entry_points:
    entry.load()
    print(importlib.import_module(entry.module).__file__)
"""
READ = """
import sys
import airquery_sql
for folder in sys.argv[1:]:
    for name in airquery_sql.names(folder):
        print(name, len(airquery_sql.read(name)))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, and unpack it as an installation would."""
    built, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site-packages")
    python("-c", BUILD, str(built), path=None)
    (wheel,) = built.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def python(*arguments: str, path: Path | None) -> list[str]:
    """Run Python in the repository, with `path` before all other modules; return its lines."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def files(folder: Path, pattern: str = "*") -> set[str]:
    """Name every file below a folder, as a wheel does."""
    return {
        file.relative_to(folder).as_posix()
        for file in folder.rglob(pattern)
        if file.is_file() and "__pycache__" not in file.parts
    }


def locked() -> dict[str, list[Version]]:
    """Read the lock: every package with its versions, of which markers choose one."""
    versions: dict[str, list[Version]] = {}
    for line in LOCK.splitlines():
        if not line.startswith(" "):
            requirement = Requirement(line.removesuffix(" \\"))
            (specifier,) = requirement.specifier
            versions.setdefault(canonicalize_name(requirement.name), []).append(
                Version(specifier.version)
            )
    return versions


def direct_dependencies() -> list[Requirement]:
    """List what the project, its extras, its groups and its build ask for by name."""
    project = PROJECT["project"]
    listed = [
        *PROJECT["build-system"]["requires"],
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
        *(line for group in PROJECT["dependency-groups"].values() for line in group),
    ]
    return [Requirement(line) for line in listed]


def test_the_wheel_puts_exactly_three_packages_into_site_packages(installed: Path) -> None:
    version = PROJECT["project"]["version"]

    assert {entry.name for entry in installed.iterdir()} == {
        *PACKAGES,
        f"airquery-{version}.dist-info",
    }


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(installed: Path) -> None:
    for package, folder in PACKAGES.items():
        assert files(installed / package) == files(ROOT / folder / package)
        assert (installed / package / "py.typed").is_file()
    assert files(installed / "airquery_sql", "*.sql")


def test_the_wheel_carries_licence_and_notice(installed: Path) -> None:
    (info,) = installed.glob("*.dist-info")

    for name in ("LICENSE", "NOTICE"):
        assert (info / "licenses" / name).read_bytes() == (ROOT / name).read_bytes()


def test_every_entry_point_of_the_wheel_loads_from_it(installed: Path) -> None:
    (info,) = installed.glob("*.dist-info")
    declared = configparser.ConfigParser(delimiters="=")
    declared.read(info / "entry_points.txt", encoding="utf-8")
    loaded = python("-c", LOAD, str(installed), path=installed)

    assert {"console_scripts", "apache_airflow_provider", "airquery.commands"} <= {*declared}
    assert len(loaded) == sum(len(declared[group]) for group in declared.sections())
    assert all(Path(file).is_relative_to(installed) for file in loaded)


def test_every_statement_can_be_read_by_name_from_the_wheel(installed: Path) -> None:
    source = ROOT / "sql" / "airquery_sql"
    folders = sorted({path.parent.relative_to(source).as_posix() for path in source.rglob("*.sql")})
    listed = dict(line.split() for line in python("-c", READ, *folders, path=installed))

    assert set(listed) == files(source, "*.sql")
    assert all(int(size) > 0 for size in listed.values())


def test_every_package_in_the_lock_is_exact_and_hashed() -> None:
    lines = LOCK.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith(" "):
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
        else:
            assert re.fullmatch(r"[a-z0-9-]+==[^ ;]+( ; .+)? \\", line), line
        assert line.endswith("\\") == following.startswith(" "), line


def test_the_lock_names_no_address() -> None:
    assert "://" not in LOCK
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK


def test_every_direct_dependency_is_locked_in_its_range() -> None:
    versions = locked()

    for requirement in direct_dependencies():
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement} is not in requirements.lock: make lock"
        for version in found:
            assert requirement.specifier.contains(version), f"{requirement}, locked {version}"
