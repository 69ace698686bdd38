"""The lock files have the whole tree of packages, with hashes, for every supported machine."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from config import ROOT

LOCKS = {
    "requirements.in": "requirements.txt",
    "requirements-tracing.in": "requirements-tracing.txt",
    "requirements-dev.in": "requirements-dev.txt",
}
MAKEFILE = (ROOT / "Makefile").read_text()
# The supported machines, as values of the environment markers in requirements.
MACHINES = [
    {
        "python_version": version,
        "python_full_version": f"{version}.{patch}",
        "platform_machine": machine,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    for version, patch in [("3.11", 0), ("3.11", 9), ("3.12", 0)]
    for machine in ["x86_64", "aarch64"]
]


def lines_of(name: str) -> list[str]:
    """Return the logical lines of a requirements file, without comments."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()) if line]


def pins_of(name: str) -> dict[str, Requirement]:
    """Return the requirements of a file by canonical name, without options and hashes."""
    found = [Requirement(line.split(" --hash=")[0]) for line in lines_of(name) if not line.startswith("-")]
    assert len({canonicalize_name(pin.name) for pin in found}) == len(found), f"{name} names a package twice"
    return {canonicalize_name(pin.name): pin for pin in found}


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_line_of_a_lock_is_a_version_with_its_hashes(lock: str) -> None:
    for line in lines_of(lock):
        if line == "--only-binary :all:":
            continue
        requirement, *hashes = line.split(" --hash=")
        assert re.fullmatch(r"==[\w.]+", str(Requirement(requirement).specifier)), line
        assert hashes, line
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", digest) for digest in hashes), line


@pytest.mark.parametrize("name", [*LOCKS, *LOCKS.values()])
def test_requirements_name_no_registry(name: str) -> None:
    assert not re.search(r"://|--(extra-)?index|--find-links|\bfile:", (ROOT / name).read_text())


@pytest.mark.parametrize(("source", "lock"), LOCKS.items())
def test_a_lock_has_the_versions_of_its_input(source: str, lock: str) -> None:
    locked = pins_of(lock)
    for name, requirement in pins_of(source).items():
        assert str(requirement.specifier).startswith("=="), requirement
        assert name in locked, f"{requirement} is not in {lock}: run `make lock`"
        assert locked[name].specifier == requirement.specifier, f"{lock} has {locked[name]}: run `make lock`"


def test_development_and_runtime_locks_have_the_same_versions() -> None:
    development = pins_of("requirements-dev.txt")
    for name, pin in pins_of("requirements.txt").items():
        assert development[name].specifier == pin.specifier, name


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_has_every_requirement_on_every_machine(lock: str) -> None:
    locked = pins_of(lock)
    for machine in MACHINES:
        for name, pin in locked.items():
            if pin.marker and not pin.marker.evaluate(machine):
                continue
            try:
                needed = metadata.requires(name) or []
            except metadata.PackageNotFoundError:  # A package that only other machines need.
                continue
            for requirement in map(Requirement, needed):
                if requirement.marker and not requirement.marker.evaluate(machine):
                    continue
                other = locked.get(canonicalize_name(requirement.name))
                assert other, f"{name} needs {requirement}, which {lock} has not: run `make lock`"
                assert other.marker is None or other.marker.evaluate(machine), f"{name} needs {requirement}"


def test_the_tests_run_on_the_locked_versions() -> None:
    for name, pin in pins_of("requirements-dev.txt").items():
        if pin.marker is None or pin.marker.evaluate():
            assert metadata.version(name) in pin.specifier, f"{pin} is locked: run `make test`"


def test_make_installs_only_packages_with_hashes() -> None:
    [install] = re.findall(r"^INSTALL = (.*)", MAKEFILE, re.M)
    assert "--require-hashes" in install
    assert re.findall(r"-m pip .*-r (\S+)|\$\(INSTALL\)(?: \$\(BUILT\))? -r (\S+)", MAKEFILE) == [
        ("", "requirements.txt"),
        ("", "requirements-dev.txt"),
    ]


def test_make_lock_writes_every_lock() -> None:
    printed = subprocess.run(
        ["make", "--dry-run", "--always-make", f"PYTHON={sys.executable}", "lock"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for source, lock in LOCKS.items():
        assert re.search(rf"uv pip compile .*--generate-hashes .* {source} .*{lock}", printed), printed
