"""The one hand that moves abilities on the board, and what is known of who followed whom, and after how long.

An offer's ability is what distillation or research made it (`rest`) plus what training against a judge added (`added`).
Each change of a resting ability is a version; a student is made from one version of its teacher.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.shared.quality import quality_of_theta
from sim.world.floor import Floor


@dataclass(frozen=True)
class Version:
    """An ability that an offer has, or had, since a day; 0 is what it opened with.

    Attributes:
        theta: by task class, shape (C,), logits.
        day: since when.
    """

    number: int
    day: float
    theta: np.ndarray


class Abilities:
    """What every offer can do, now and in its earlier versions."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        board = floor.board
        self._added = np.zeros(board.offer_count)
        self._shown = board.theta.copy()
        self._versions = [[Version(0, 0.0, board.theta[:, j].copy())] for j in range(board.offer_count)]
        self._lags: dict[int, list[float]] = {}
        self._copied: set[tuple[int, int]] = set()
        self._followers: dict[int, list[int]] = {}

    def rest(self, offer: int) -> np.ndarray:
        """Ability without what a judge's training added, shape (C,)."""
        return np.asarray(self._floor.board.theta[:, offer] - self._added[offer])

    def added(self, offer: int) -> float:
        """What a judge's training added, logits."""
        return float(self._added[offer])

    def version(self, offer: int) -> Version:
        """The offer's newest version."""
        return self._versions[offer][-1]

    def put(self, offer: int, rest: np.ndarray, cause: str) -> None:
        """Give an offer another resting ability, shape (C,), from now on; the floor is settled."""
        self._show(offer, rest + self._added[offer], cause)

    def add(self, offer: int, logits: float, cause: str) -> None:
        """Let training against a judge have added `logits` in all; the floor is settled."""
        rest = self.rest(offer)
        self._added[offer] = logits
        self._show(offer, rest + logits, cause)

    def restated(self) -> None:
        """An intervention may have put other abilities on the board: these hold, what was added included."""
        for offer in np.flatnonzero((self._floor.board.theta != self._shown).any(axis=0)):
            self._record(int(offer), "intervention")

    def _show(self, offer: int, theta: np.ndarray, cause: str) -> None:
        self._floor.board.theta[:, offer] = theta
        self._floor.board.quality[:, offer] = [quality_of_theta(float(value)) for value in theta]
        self._record(offer, cause)

    def _record(self, offer: int, cause: str) -> None:
        floor, board = self._floor, self._floor.board
        self._shown[:, offer] = board.theta[:, offer]
        known = self._versions[offer]
        known.append(Version(len(known), floor.day, board.theta[:, offer].copy()))
        for c, task in enumerate(board.classes):
            theta, quality = float(board.theta[c, offer]), float(board.quality[c, offer])
            floor.recorder.add(
                "abilities", floor.day, board.offers[offer], board.owners[offer], task, theta, quality, cause
            )

    # -- imitation as it was seen -------------------------------------------------------------------------------

    def followed(self, teacher: int, student: int, version: Version) -> None:
        """`student` was released today, made from that version of another owner's `teacher`.

        The first student of a version tells how long the version was alone.
        """
        followers = self._followers.setdefault(teacher, [])
        if student not in followers:
            followers.append(student)
        if (teacher, version.number) not in self._copied:
            self._copied.add((teacher, version.number))
            self._lags.setdefault(teacher, []).append(self._floor.day - version.day)

    def followers(self, teachers: list[int]) -> list[int]:
        """Offers of other owners that have been made from one of `teachers`."""
        return sorted({student for teacher in teachers for student in self._followers.get(teacher, [])})

    def mean_lag_days(self, teachers: list[int]) -> float | None:
        """Mean days from a version to its first student at a rival; None where none was seen."""
        lags = [lag for teacher in teachers for lag in self._lags.get(teacher, [])]
        return float(np.mean(lags)) if lags else None
