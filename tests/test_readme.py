"""The commands of the README and of docs/ are those of the program, and those that need no model run as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))]
COMMANDS = [
    line[2:]
    for page in PAGES
    for block in re.findall(r"```console\n(.*?)```", page, re.S)
    for line in block.splitlines()
    if line.startswith("$ ")
]
NEED_A_MODEL = ("undercut demo", "undercut eval", "undercut distill", "undercut models fetch", "undercut dashboard")
LONG = (
    *NEED_A_MODEL, "undercut sim calibrate", "undercut sim forecast", "undercut sim backtest", "undercut claims run",
    "undercut claims report",
)  # fmt: skip
UNDERCUT = str(Path(sys.executable).with_name("undercut"))


def quick() -> list[str]:
    return [c for c in COMMANDS if c.startswith("undercut ") and not c.startswith(LONG)]


def test_the_readme_shows_the_two_commands_and_some_quick_ones() -> None:
    assert "make demo" in COMMANDS
    assert "make test" in COMMANDS
    assert len(quick()) >= 3


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_verbs_exist(command: str) -> None:
    verb = command.split()[1]
    assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(LONG)])
def test_long_commands_have_the_options_that_are_shown(command: str) -> None:
    words = shlex.split(command)
    verbs = [word for word in words[1:3] if re.fullmatch(r"[a-z]+", word)]
    verbs = verbs[:1] if verbs[0] in ("demo", "dashboard") else verbs
    done = subprocess.run([UNDERCUT, *verbs, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for option in (word for word in words if word.startswith("--")):
        assert option in done.stdout


@pytest.mark.parametrize("command", quick())
def test_quick_commands_run_as_they_stand(command: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "readme"
    folder.mkdir(exist_ok=True)
    words = [UNDERCUT, *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_python_example_runs(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", README, re.S)
    assert code is not None
    done = subprocess.run([sys.executable, "-c", code[1]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "months after its release" in done.stdout


def test_pictures_exist() -> None:
    pictures = re.findall(r"\]\((docs/[^)]+\.png)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)
