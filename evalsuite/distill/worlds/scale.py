"""How large a study of a small world is: its world, its teacher's schooling, its doses, and how long students train.

`FULL` is what the measured tables were made with; `QUICK` says nothing about the world and ends in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from evalsuite.distill.recipe import Recipe
from evalsuite.distill.worlds.addition import Addition
from evalsuite.distill.worlds.countdown import Countdown
from evalsuite.distill.worlds.knowledge import Knowledge
from evalsuite.distill.worlds.net import Net
from evalsuite.distill.worlds.school import SCHOOLINGS, Schooling, teacher_name

PRICE_IN_USD_PER_MTOK, PRICE_OUT_USD_PER_MTOK = 0.05, 0.20


@dataclass(frozen=True)
class Scale:
    """Of one world.

    Attributes:
        teacher: under which it is kept.
        doses: queries.
        training_tokens: of a student, whatever its method; of the generations of self-distillation together.
        own_tokens: that a student writes itself, where it learns from that.
        items: held-out questions by which students are measured.
        draws: answers sampled to each.
    """

    world: Knowledge | Addition | Countdown
    schooling: Schooling
    teacher: str
    doses: tuple[int, ...]
    training_tokens: int
    own_tokens: int
    items: int = 2500
    draws: int = 4
    batch_sequences: int = 32
    own_batch: int = 256
    learning_rate: float = 3e-3
    own_learning_rate: float = 3e-4


def _full(world: Knowledge | Addition | Countdown, doses: tuple[int, ...], training: int, own: int) -> Scale:
    return Scale(world, SCHOOLINGS[world.kind], teacher_name(world), doses, training, own)


FULL: dict[str, Scale] = {
    "knowledge": replace(
        _full(Knowledge(), (250, 1000, 4000), 200_000, 10_000), items=320, batch_sequences=8, learning_rate=2e-3
    ),
    "addition": replace(
        _full(Addition(), (250, 1000, 3000), 200_000, 10_000), items=2000, batch_sequences=8, learning_rate=2e-3
    ),
    "countdown": replace(
        _full(Countdown(), (8000,), 800_000, 160_000), items=2000, draws=16, batch_sequences=8, learning_rate=2e-3
    ),
}

_SMALL = Schooling(
    Net(layers=1, hidden_size=16, heads=2), documents=400, training_tokens=24_576, learning_rate=1e-2,
    batch_sequences=8,
)  # fmt: skip
QUICK: dict[str, Scale] = {
    kind: Scale(
        world, _SMALL, f"quick-{kind}-teacher", doses=(128,), training_tokens=2048, own_tokens=128, items=16,
        draws=2, batch_sequences=4, own_batch=16,
    )
    for kind, world in (
        ("knowledge", Knowledge(subjects=8, relations=4, answers=4, held_out=16)),
        ("addition", Addition(digits=2, held_out=64, demonstrated=500)),
        ("countdown", Countdown(highest=8, largest_target=20, held_out=64, demonstrated=300, solved=200)),
    )
}  # fmt: skip
SCALES: dict[bool, dict[str, Scale]] = {False: FULL, True: QUICK}


def recipe_of(
    scale: Scale, name: str, method: Mapping[str, object], queries: int, seed: int, temperature: float
) -> Recipe:
    """A recipe about a world: a new student of the teacher's shape, `queries` answers bought, and a method."""
    kind = str(method["kind"])
    regime = {"topk_kd": {"kind": "topk", "k": 4, "tail_draws": 2}, "outputs": {"kind": "text"}}
    training = {
        "training_tokens": scale.training_tokens, "learning_rate": scale.learning_rate, "sequence_tokens": 64,
        "batch_sequences": scale.batch_sequences, "weight_decay": 0.01,
    }  # fmt: skip
    longest = max(scale.world.answer_tokens, 8)
    return Recipe.model_validate(
        {
            "name": name,
            "teacher": scale.teacher,
            "access": {
                "regime": regime.get(kind, {"kind": "full"}),
                "price_in_usd_per_mtok": PRICE_IN_USD_PER_MTOK,
                "price_out_usd_per_mtok": PRICE_OUT_USD_PER_MTOK,
                "queries": queries,
            },
            "student": {"kind": "same", "start": "random"},
            "text": {
                "tokens": queries * longest + 64,  # more than the queries give: these are the budget
                "batch": min(512, queries),
                "answer_tokens": longest,
                "temperature": temperature,
                "world": scale.world.model_dump(mode="json"),
            },
            "method": training | dict(method),
            "seed": seed,
        }
    )
