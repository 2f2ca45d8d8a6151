"""Students of small worlds: made by a recipe, or taught by the truth itself, and measured beside their teacher."""

from __future__ import annotations

import datetime
import shutil
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.distill.growth import Grown, grow, training_dir
from evalsuite.distill.material import Material, gather
from evalsuite.distill.prompts import prompts_of
from evalsuite.distill.recipe import OutputsOnly, Recipe
from evalsuite.distill.start import make_start
from evalsuite.distill.supply import text_supply
from evalsuite.distill.training import train
from evalsuite.distill.worlds.answers import answers_only
from evalsuite.distill.worlds.outcome import Outcome, outcome
from evalsuite.distill.worlds.scale import Scale
from evalsuite.distill.worlds.school import document_rows, teach
from evalsuite.models import LoadedModel, load, resolve
from sim.shared.manifest import host_facts, sha256_of_json
from sim.shared.stats import mean_interval, paired_difference

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TRAINERS = ("torch", "transformers", "trl", "numpy")


@dataclass(frozen=True)
class Pupil:
    """A trained model with what its making took; `grown` where a recipe made it."""

    model: PreTrainedModel
    training_tokens: int
    own_tokens: int
    training_s: float
    teacher_tokens: int
    paid_usd: float
    recipe_sha256: str
    grown: Grown | None = None


class Classroom:
    """A world, its teacher, and the questions by which its students are measured."""

    def __init__(self, scale: Scale) -> None:
        """Teach the teacher where the cache has none."""
        self.scale = scale
        teach(scale.world, scale.schooling, scale.teacher)
        self.teacher: LoadedModel = load(resolve(scale.teacher), "float32")
        self.questions = scale.world.questions("held_out")[: scale.items]

    def measure(self, model: PreTrainedModel, seed: int) -> Outcome:
        """A model's answers to the held-out questions."""
        return outcome(model, self.teacher.tokenizer, self.scale.world, self.questions, self.scale.draws, seed)

    @cached_property
    def own(self) -> Outcome:
        """The teacher's."""
        return self.measure(self.teacher.model, seed=1)

    def by_recipe(self, recipe: Recipe) -> tuple[Pupil, Material]:
        """A recipe's student; nothing of it is kept but what the teacher told."""
        material = gather(recipe)
        key = material.key(recipe)
        grown = grow(recipe, material, key)
        shutil.rmtree(training_dir(key), ignore_errors=True)
        own = grown.rewards[-1].tokens if grown.rewards else 0
        if recipe.method.kind == "on_policy":
            own = grown.training.tokens
        pupil = Pupil(
            model=grown.model,
            training_tokens=grown.training.tokens,
            own_tokens=own,
            training_s=grown.seconds["training"],
            teacher_tokens=material.corpus.tokens,
            paid_usd=material.account.taken.usd,
            recipe_sha256=recipe.sha256,
            grown=grown,
        )
        return pupil, material

    def by_truth(self, like: Recipe, queries: int) -> Pupil:
        """A student of the truth: the questions that `like` would ask, answered by the world; no teacher is asked."""
        world, tokenizer = self.scale.world, self.teacher.tokenizer
        settings = OutputsOnly.model_validate(like.method.model_dump() | {"kind": "outputs"})
        known = {question.prompt: question for question in world.questions("asked")}
        asked = prompts_of(like.text, like.seed)
        questions = [known[asked[place % len(asked)]] for place in range(queries)]
        rows = document_rows(world.drawn(questions, like.seed), tokenizer, settings.sequence_tokens)
        start = make_start(like.student, self.teacher, rows, like.seed)
        supply = answers_only(text_supply(rows), rows, tokenizer, world)
        done = train(start.model, rows, supply, settings, like.seed, start.frozen_head)
        digest = sha256_of_json([like.sha256, "answered by the truth"])
        return Pupil(start.model, done.tokens, 0, done.seconds, 0, 0.0, digest)

    def row(self, pupil: Pupil, queries: int, seed: int, command: str, quick: bool) -> dict[str, Any]:
        """A row of either table: all columns that both have, and the distance from the truth."""
        mine, theirs = self.measure(pupil.model, seed), self.own
        share = mean_interval(mine.sampled)
        apart = paired_difference(theirs.sampled, mine.sampled, range(len(mine.sampled)))
        facts = host_facts()
        return {
            "world": self.scale.world.kind,
            "study": "quick" if quick else "full",
            "seed": seed,
            "queries": queries,
            "distinct_teacher_tokens": pupil.teacher_tokens,
            "training_tokens": pupil.training_tokens,
            "own_tokens": pupil.own_tokens,
            "paid_usd": pupil.paid_usd,
            "student_params": sum(weight.numel() for weight in pupil.model.parameters()),
            "items": len(mine.sampled),
            "draws": mine.draws,
            "sampled_share": share.estimate,
            "sampled_low": max(share.low, 0.0),
            "sampled_high": min(share.high, 1.0),
            "greedy_share": _mean(mine.greedy),
            "solved_share": _mean(mine.solved),
            "teacher_sampled_share": _mean(theirs.sampled),
            "teacher_greedy_share": _mean(theirs.greedy),
            "teacher_solved_share": _mean(theirs.solved),
            "difference": apart.estimate,
            "difference_low": apart.low,
            "difference_high": apart.high,
            "truth_kl_nats": mine.truth_kl_nats,
            "teacher_truth_kl_nats": theirs.truth_kl_nats,
            "training_s": round(pupil.training_s, 1),
            "tokens_per_s": round(pupil.training_tokens / max(pupil.training_s, 1e-9)),
            "recipe_sha256": pupil.recipe_sha256,
            "libraries": " ".join(f"{name}=={version(name)}" for name in TRAINERS),
            "hardware": f"{facts['processor']}, {self.teacher.threads} thread(s)",
            "date": datetime.date.today().isoformat(),
            "source": command,
        }


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values))
