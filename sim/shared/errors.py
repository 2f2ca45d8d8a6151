"""The exception tree, drawn once. Every error a user can cause carries what a remedy needs, as typed attributes.

UndercutError                 anything we raise on purpose; `exit_code` is what the command returns
+- InputError                 exit 2: one wrong input (file, field, value received, values allowed, what to do)
|  +- MissingExtra            exit 2: an optional dependency that a command needs is not installed
+- InputErrors                exit 2: several InputErrors found in one pass over one input
+- CheckFailed                exit 1: a check ran and did not hold
+- UnfinishedItems            exit 3: the work finished, with some items in error
+- RunInterrupted             exit 130: interrupted; says what is saved and which command resumes
"""

from __future__ import annotations

from collections.abc import Sequence


class UndercutError(Exception):
    """Base of every error that Undercut raises on purpose."""

    exit_code: int = 1


class InputError(UndercutError):
    """One wrong input.

    Attributes:
        source: the file, option or argument that holds the value.
        field: dotted place inside the source ("providers.0.price.kind"); empty when the source as a whole is meant.
        received: the value, as the user wrote it.
        allowed: the values that would have been accepted, in words.
        remedy: what to do next.
    """

    exit_code = 2

    def __init__(
        self, source: str, field: str = "", received: object = "", allowed: str = "", remedy: str = ""
    ) -> None:
        self.source = source
        self.field = field
        self.received = received
        self.allowed = allowed
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        place = f"{self.source}: {self.field}" if self.field else self.source
        parts = [place]
        if self.received != "":
            shown = repr(self.received)
            parts.append(f"received {shown if len(shown) <= 200 else shown[:197] + '...'}")
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.remedy:
            parts.append(self.remedy)
        return "; ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.source, self.field, self.received, self.allowed, self.remedy))


class MissingExtra(InputError):
    """An optional dependency is not installed.

    Args:
        module: the module that could not be imported.
        extra: the extra of this distribution that brings it.
    """

    def __init__(self, module: str, extra: str) -> None:
        self.module = module
        self.extra = extra
        super().__init__(
            source=f"the Python package {module!r}",
            received="not installed",
            allowed=f"the extra {extra!r}",
            remedy=f"install it with: pip install 'undercut[{extra}]'",
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.module, self.extra))


class InputErrors(UndercutError):
    """All problems of one input at once, in the order in which they stand in it."""

    exit_code = 2

    def __init__(self, problems: Sequence[InputError]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.problems,))


class CheckFailed(UndercutError):
    """A check ran to its end and at least one of its rows does not hold."""

    exit_code = 1


class UnfinishedItems(UndercutError):
    """The work is finished, but some items are in error; the message counts them."""

    exit_code = 3


class RunInterrupted(UndercutError):
    """The user stopped the work.

    Attributes:
        saved: where the finished part lies, or "" where nothing is kept.
        resume_command: the command that goes on from there, or "".
    """

    exit_code = 130

    def __init__(self, saved: str = "", resume_command: str = "") -> None:
        self.saved = saved
        self.resume_command = resume_command
        parts = ["interrupted"]
        if saved:
            parts.append(f"what was finished is kept in {saved}")
        if resume_command:
            parts.append(f"resume with: {resume_command}")
        super().__init__("; ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.saved, self.resume_command))


def raise_all(problems: Sequence[InputError]) -> None:
    """Raise nothing for no problem, the problem itself for one, InputErrors for several."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise InputErrors(problems)
