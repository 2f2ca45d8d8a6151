"""What a command says: data on stdout, progress and notes on stderr, colours only where they are wanted.

`rich` respects NO_COLOR and drops its animation where stderr is no terminal; there a line every few seconds keeps a
log readable.
"""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any


def emit_json(value: Any) -> None:
    """Print one JSON object on stdout. NaN and infinities become null: they are not JSON."""
    print(json.dumps(_plain(value), ensure_ascii=False, allow_nan=False))


def note(text: str) -> None:
    """Print one line of information on stderr."""
    print(text, file=sys.stderr, flush=True)


def next_command(command: str) -> None:
    """Print the next useful command, as the last line on stderr."""
    note(f"next: {command}")


class Progress:
    """One long piece of work: done, total, rate, time left; on a terminal a bar, elsewhere a line every few seconds.

    Use as a context manager. `total` is in `unit`s ("tokens", "items", "runs").
    """

    QUIET_INTERVAL_S = 10.0

    def __init__(self, title: str, total: float, unit: str) -> None:
        self.title = title
        self.total = max(float(total), 1e-9)
        self.unit = unit
        self.done = 0.0
        self._started_s = time.monotonic()
        self._last_line_s = self._started_s
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        self._started_s = self._last_line_s = time.monotonic()
        if sys.stderr.isatty():
            from rich import progress as bars
            from rich.console import Console

            self._bar = bars.Progress(
                bars.TextColumn("{task.description}"),
                bars.BarColumn(),
                bars.TaskProgressColumn(),
                bars.TextColumn("{task.fields[detail]}"),
                bars.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=self.total, detail="")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif exc[0] is None:
            note(self._line(""))

    def advance(self, by: float, detail: str = "") -> None:
        """Add `by` units of finished work; `detail` is shown beside the rate ("loss 2.31")."""
        self.done += by
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, detail=f"{self._rate()} {detail}".strip())
            return
        now_s = time.monotonic()
        if now_s - self._last_line_s >= self.QUIET_INTERVAL_S:
            self._last_line_s = now_s
            note(self._line(detail))

    @property
    def seconds_left(self) -> float:
        """Estimate from the mean rate so far; infinite before anything is done."""
        elapsed_s = time.monotonic() - self._started_s
        return elapsed_s * (self.total - self.done) / self.done if self.done > 0 else math.inf

    def _rate(self) -> str:
        elapsed_s = max(time.monotonic() - self._started_s, 1e-9)
        rate = self.done / elapsed_s
        return f"{rate:,.0f} {self.unit}/s" if rate >= 10 else f"{rate:.2g} {self.unit}/s"

    def _line(self, detail: str) -> str:
        left = "" if self.done >= self.total else f", {self.seconds_left:.0f} s left"
        share = min(self.done / self.total, 1.0)
        return f"{self.title}: {share:.0%} of {self.total:,.0f} {self.unit}, {self._rate()}{left} {detail}".rstrip()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
