"""A suite by its name, or by the file that describes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalsuite.suites.suite import Suite
from sim.shared.errors import InputError

NAMES = ("mini", "local", "standard")


def find_suite(name: str, data_dir: Path | None = None, tasks: Sequence[str] | None = None) -> Suite:
    """The suite of that name, its files written where lm-eval finds them.

    Args:
        name: "mini" (ours, offline), "local" (copies of standard benchmarks below `data_dir`), "standard" (lm-eval's own
            tasks, from the hub), or the path of a YAML that describes a task of yours.
        data_dir: for "local".
        tasks: names of its tasks, in their order; None for all.

    Raises:
        InputError: if there is no such suite or task, or `tasks` names none.
    """
    suite = _suite(name, data_dir, tasks)
    known = {task.name: task for task in suite.tasks}
    if tasks is not None and not tasks:
        raise InputError("--tasks", "", "no name", ", ".join(known), "name one, or leave it out to run all")
    for task in tasks or ():
        if task not in known:
            raise InputError(
                "--tasks", "", task, ", ".join(known), f"list them with: undercut eval tasks --suite {name}"
            )
    return suite if tasks is None else Suite(suite.name, tuple(known[task] for task in known if task in tasks))


def _suite(name: str, data_dir: Path | None, tasks: Sequence[str] | None) -> Suite:
    if name == "mini":
        from evalsuite.suites.files import write_suite
        from evalsuite.suites.mini import mini

        return write_suite("mini", mini())
    if name == "local":
        from evalsuite.suites.local import local_suite

        return local_suite(data_dir, tasks)
    if name == "standard":
        from evalsuite.suites.standard import standard_suite

        return standard_suite()
    if name.endswith((".yaml", ".yml")):
        from evalsuite.suites.own import own_suite

        return own_suite(Path(name))
    raise InputError("--suite", "", name, f"{', '.join(NAMES)}, or a YAML of your own", "name one of them")
