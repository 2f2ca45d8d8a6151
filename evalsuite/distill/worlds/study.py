"""The studies of the small worlds, cell by cell: what each method makes of the same queries, and what a judge adds.

A cell is a student. Its row is on disk when it is measured, so that a killed study goes on at the cell that it was in;
what the teacher wrote and told is kept in the cache as for every recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evalsuite.distill.recipe import Recipe
from evalsuite.distill.worlds.pupils import Classroom, Pupil
from evalsuite.distill.worlds.scale import SCALES, Scale, recipe_of
from evalsuite.distill.worlds.table import JUDGE_RL, SMALL_WORLDS, Rows
from evalsuite.models import models_dir
from sim.shared.console import Progress
from sim.shared.errors import InputError, RunInterrupted
from sim.shared.paths import replacing_dir, writable_dir

Study = Literal["doses", "judge"]
STUDIES: tuple[Study, ...] = ("doses", "judge")
FILES = {"doses": "small_worlds.csv", "judge": "judge_rl.csv"}
# Tokens of imitation in the time of one token written and learned from: its question is read with it, it is written,
# and both are gone through forwards and backwards.
LONGER = 4
ERRORS = (0.1, 0.3)  # of judges that err by construction, on right and wrong answers alike


@dataclass(frozen=True)
class Way:
    """A method of the study of doses: its name in the table, the recipe's method, the temperature of the text."""

    name: str
    method: dict[str, object]
    temperature: float = 1.0
    by_truth: bool = False
    after_outputs: bool = False
    worlds: tuple[str, ...] = ("knowledge", "addition", "countdown")


def ways(scale: Scale) -> tuple[Way, ...]:
    """All methods of the lab, with the budgets of a scale."""
    own = {
        "training_tokens": scale.own_tokens, "learning_rate": scale.own_learning_rate,
        "batch_sequences": scale.own_batch, "answer_tokens": max(scale.world.answer_tokens, 4),
    }  # fmt: skip
    halves = {"training_tokens": max(scale.training_tokens // 2, 1), "generations": 2}
    return (
        Way("scratch", {"kind": "outputs"}, by_truth=True),
        Way("outputs", {"kind": "outputs"}),
        Way("outputs_greedy", {"kind": "outputs"}, temperature=0.0),
        Way("topk", {"kind": "topk_kd"}),
        Way("full", {"kind": "logit_kd"}),
        Way("full_greedy", {"kind": "logit_kd"}, temperature=0.0),
        Way("born_again", {"kind": "born_again", **halves}),
        Way("on_policy", {"kind": "on_policy", **own}, after_outputs=True),
        Way("judge_rl", judged(scale, {"kind": "verifier"}), worlds=("addition", "countdown")),
    )


def judged(scale: Scale, judge: dict[str, object]) -> dict[str, object]:
    """The method judge_rl with the budgets of a scale."""
    return {
        "kind": "judge_rl",
        "judge": judge,
        "training_tokens": scale.own_tokens,
        "learning_rate": scale.own_learning_rate,
        "batch_sequences": scale.own_batch,
        "imitation": {
            "training_tokens": scale.training_tokens,
            "learning_rate": scale.learning_rate,
            "batch_sequences": scale.batch_sequences,
        },
    }


def run_study(study: Study, worlds: Sequence[str], seeds: int, folder: Path, command: str, quick: bool = False) -> Rows:
    """Measure what is missing of a study's table in `folder`.

    Raises:
        InputError: for a world that is not known, no seeds, or a folder that cannot be written.
        RunInterrupted: on Ctrl-C; finished cells are kept.
    """
    scales = SCALES[quick]
    unknown = [name for name in worlds if name not in scales]
    if unknown:
        raise InputError("--world", "", unknown[0], ", ".join(scales), "name one of these")
    if seeds < 1:
        raise InputError("--seeds", "", seeds, "a whole number of at least 1", "correct the option")
    writable_dir(folder, "--out")
    spec, first = (SMALL_WORLDS, "method") if study == "doses" else (JUDGE_RL, "condition")
    rows = Rows(spec, folder / FILES[study], (first, "world", "study", "seed", "queries"))
    cells = list(_dose_cells(scales, worlds, seeds) if study == "doses" else _judge_cells(scales, seeds))
    if study == "judge" and "countdown" not in worlds:
        raise InputError("--world", "", ", ".join(worlds), "countdown, for --study judge", "name it, or leave it out")
    try:
        with Progress(f"small worlds, {study}", len(cells), "students") as progress:
            rooms: dict[str, Classroom] = {}
            for cell in cells:
                keys = {first: cell.name, "world": cell.world, "study": "quick" if quick else "full"}
                if not rows.has(**keys, seed=cell.seed, queries=cell.queries):
                    if cell.world not in rooms:
                        rooms[cell.world] = Classroom(scales[cell.world])
                    room = rooms[cell.world]
                    made, more = cell.make(room)
                    row = room.row(made, cell.queries, cell.seed, command, quick)
                    rows.add(row | keys | more)
                progress.advance(1, f"{cell.world}, {cell.name}, {cell.queries} queries, seed {cell.seed}")
    except KeyboardInterrupt:
        raise RunInterrupted(f"the finished students in {rows.path}", command) from None
    return rows


@dataclass(frozen=True)
class Cell:
    """A student to be made: its name in the table, its world, seed and dose, and how it is made."""

    name: str
    world: str
    seed: int
    queries: int
    make: Callable[[Classroom], tuple[Pupil, dict[str, Any]]]


def _dose_cells(scales: dict[str, Scale], worlds: Sequence[str], seeds: int) -> Iterator[Cell]:
    """Seeds last, so that a study that is cut short has every method and dose of the first ones."""
    for seed in range(seeds):
        for world in worlds:
            scale = scales[world]
            for queries in scale.doses:
                for way in ways(scale):
                    if world in way.worlds:
                        yield Cell(way.name, world, seed, queries, _maker(scale, way, queries, seed))


def _maker(scale: Scale, way: Way, queries: int, seed: int) -> Callable[[Classroom], tuple[Pupil, dict[str, Any]]]:
    def make(room: Classroom) -> tuple[Pupil, dict[str, Any]]:
        name = f"{scale.world.kind}-{way.name.replace('_', '-')}"
        recipe = recipe_of(scale, name, way.method, queries, seed, way.temperature)
        if way.by_truth:
            return room.by_truth(recipe, queries), {}
        if way.name == "outputs":
            pupil, _ = room.by_recipe(recipe)
            _keep(room, recipe, pupil)
            return pupil, {}
        if way.after_outputs:
            start = {"kind": "model", "name": _imitator(room, queries, seed), "frozen_head": False}
            recipe = Recipe.model_validate(recipe.model_dump(mode="json") | {"student": start})
        return room.by_recipe(recipe)[0], {}

    return make


def _imitator(room: Classroom, queries: int, seed: int) -> str:
    """The folder of a student that learned from sampled text alone, made where the cache has none."""
    recipe = _outputs_recipe(room.scale, queries, seed)
    if not (_folder_of(recipe) / "config.json").is_file():
        _keep(room, recipe, room.by_recipe(recipe)[0])
    return str(_folder_of(recipe))


def _outputs_recipe(scale: Scale, queries: int, seed: int) -> Recipe:
    return recipe_of(scale, f"{scale.world.kind}-outputs", {"kind": "outputs"}, queries, seed, 1.0)


def _folder_of(recipe: Recipe) -> Path:
    return models_dir().parent / "worlds" / recipe.sha256[:32]


def _keep(room: Classroom, recipe: Recipe, pupil: Pupil) -> None:
    """Keep the student of a recipe's text, from which others begin."""
    folder = _folder_of(recipe)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_dir(folder, "config.json", source="the cache of the small worlds") as beside:
        pupil.model.save_pretrained(beside)
        room.teacher.tokenizer.save_pretrained(beside)


def _judge_cells(scales: dict[str, Scale], seeds: int) -> Iterator[Cell]:
    """The judge and its controls, in the largest dose of Countdown; judges that err in known ways come last."""
    scale = scales["countdown"]
    queries = scale.doses[-1]
    judges: dict[str, dict[str, object]] = {
        "teacher": {"kind": "teacher"},
        "verifier": {"kind": "verifier"},
        "shuffled rewards": {"kind": "shuffled"},
        "teacher, yes or no": {"kind": "teacher", "hard": True},
    }
    for error in ERRORS:
        rates = {"false_positive_rate": error, "false_negative_rate": error}
        judges[f"verifier, {error:g} of verdicts wrong"] = {"kind": "erring", **rates}
    for seed in range(seeds):
        yield Cell("imitation", "countdown", seed, queries, _imitation(scale, queries, seed, longer=False))
        for name in ("teacher", "verifier", "shuffled rewards"):
            yield Cell(name, "countdown", seed, queries, _reinforced(scale, judges[name], queries, seed, teacher=False))
        yield Cell("imitation, longer", "countdown", seed, queries, _imitation(scale, queries, seed, longer=True))
        for name in ("teacher", "verifier"):
            make = _reinforced(scale, judges[name], queries, seed, teacher=True)
            yield Cell(f"the teacher itself, by {name}", "countdown", seed, queries, make)
    for seed in range(seeds):
        for name in list(judges)[3:]:
            yield Cell(name, "countdown", seed, queries, _reinforced(scale, judges[name], queries, seed, teacher=False))


def _imitation(
    scale: Scale, queries: int, seed: int, longer: bool
) -> Callable[[Classroom], tuple[Pupil, dict[str, Any]]]:
    def make(room: Classroom) -> tuple[Pupil, dict[str, Any]]:
        recipe = _outputs_recipe(scale, queries, seed)
        if longer:
            tokens = scale.training_tokens + LONGER * scale.own_tokens
            method = {"kind": "outputs", "training_tokens": tokens}
            recipe = recipe_of(scale, "countdown-longer", method, queries, seed, 1.0)
        pupil, _ = room.by_recipe(recipe)
        if not longer:
            _keep(room, recipe, pupil)
        return pupil, {"judged_answers": 0}

    return make


def _reinforced(
    scale: Scale, judge: dict[str, object], queries: int, seed: int, teacher: bool
) -> Callable[[Classroom], tuple[Pupil, dict[str, Any]]]:
    """A student that imitated, or the teacher itself, reinforced by a judge."""

    def make(room: Classroom) -> tuple[Pupil, dict[str, Any]]:
        method = judged(scale, judge) | {"imitation": None}
        recipe = recipe_of(scale, "countdown-judge-rl", method, queries, seed, 1.0)
        start: dict[str, object] = {"kind": "same", "start": "teacher"}
        if not teacher:
            start = {"kind": "model", "name": _imitator(room, queries, seed), "frozen_head": False}
        pupil, _ = room.by_recipe(Recipe.model_validate(recipe.model_dump(mode="json") | {"student": start}))
        assert pupil.grown is not None
        told = pupil.grown.judged
        assert told is not None
        return pupil, {
            "start_share": told.imitated_share,
            "judged_answers": told.judged_answers,
            "judge_false_positive_rate": told.false_positive_rate,
            "judge_false_negative_rate": told.false_negative_rate,
            "own_false_positive_rate": told.own_false_positive_rate,
            "own_false_negative_rate": told.own_false_negative_rate,
            "first_reward": told.first_reward,
            "last_reward": told.last_reward,
        }

    return make
