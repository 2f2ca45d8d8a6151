"""A recipe: everything that decides which student comes out, as frozen data.

teacher and access   who is asked, and on which terms
student              what the training starts from
text                 what the teacher writes
method               what the student is trained on, and how
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError, model_validator

from evalsuite.distill.access import (
    Access,
    Defence,
    FullProbabilities,
    Part,
    Regime,
    TextOnly,
    TopEntries,
)
from evalsuite.distill.worlds.judge import AnyJudge, ErringJudge, ShuffledRewards, TeacherJudge, Verifier
from evalsuite.distill.worlds.kinds import AnyWorld
from evalsuite.endpoint import Endpoint
from sim.shared.errors import InputError, raise_all
from sim.shared.manifest import sha256_of_json
from sim.shared.paths import shipped_or_path
from sim.shared.yaml import read_yaml

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Count = Annotated[int, Field(ge=1)]


class DepthPruning(Part):
    """Layers of the teacher that stay, by index from 0, in order."""

    kind: Literal["depth"]
    keep: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascending(self) -> DepthPruning:
        if list(self.keep) != sorted(set(self.keep)):
            raise ValueError("list each layer once, in ascending order")
        return self


class ImportantLayers(Part):
    """The layers that matter most, measured on a few rows of the teacher's text; see `evalsuite.distill.importance`."""

    kind: Literal["important_layers"]
    layers: Count
    measure: Literal["kl", "block_influence"] = "kl"
    rows: Annotated[int, Field(ge=1, le=64)] = 2


class WidthPruning(Part):
    """All layers stay, each with fewer of its units, those that are most active; None keeps all."""

    kind: Literal["width"]
    intermediate_size: Count | None = None
    key_value_heads: Count | None = None
    hidden_size: Count | None = None
    rows: Annotated[int, Field(ge=1, le=64)] = 4

    @model_validator(mode="after")
    def _something(self) -> WidthPruning:
        if (self.intermediate_size, self.key_value_heads, self.hidden_size) == (None, None, None):
            raise ValueError("name at least one of intermediate_size, key_value_heads and hidden_size")
        return self


class FromScratch(Part):
    """A new model of a given size with random weights; `tokenizer` names another model's, none is the teacher's."""

    kind: Literal["scratch"]
    layers: Count
    hidden_size: Count
    intermediate_size: Count
    heads: Count
    key_value_heads: Count
    tokenizer: str | None = None

    @model_validator(mode="after")
    def _divides(self) -> FromScratch:
        if self.hidden_size % (2 * self.heads) or self.heads % self.key_value_heads:
            raise ValueError("hidden_size must be a multiple of twice the heads, heads one of key_value_heads")
        return self


class SameShape(Part):
    """The teacher's own shape, from its weights or from random ones."""

    kind: Literal["same"]
    start: Literal["teacher", "random"] = "random"


class OwnModel(Part):
    """Any model whose weights can lie here, by name or folder, trained further.

    Attributes:
        frozen_head: whether its embeddings and head stay as they are.
    """

    kind: Literal["model"]
    name: Annotated[str, Field(min_length=1)]
    frozen_head: bool = True


StudentStart = Annotated[
    DepthPruning | ImportantLayers | WidthPruning | FromScratch | SameShape | OwnModel, Field(discriminator="kind")
]


class Training(Part):
    """How the student is trained: AdamW, linear warm-up, then a half cosine down to a tenth of the rate."""

    training_tokens: Count = Field(description="tokens trained on, epochs included")
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    sequence_tokens: Annotated[int, Field(ge=8, le=8192)] = 128
    batch_sequences: Annotated[int, Field(ge=1, le=1024)] = 8
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class LogitDistillation(Training):
    """Forward KL from the teacher's full token probabilities, over text that the teacher wrote."""

    kind: Literal["logit_kd"]


class TopEntryDistillation(Training):
    """Cross-entropy with the teacher's likely entries and draws from its tail; `renormalised` cuts the tail off."""

    kind: Literal["topk_kd"]
    tail: Literal["draws", "renormalised"] = "draws"


class OutputsOnly(Training):
    """Cross-entropy on what the teacher wrote, and nothing else (sequence-level distillation, Kim and Rush 2016)."""

    kind: Literal["outputs"]


class BornAgain(Training):
    """Self-distillation (Furlanello et al. 2018): each generation starts anew and learns from the one before.

    The first learns from the teacher's full probabilities; the text stays the teacher's.
    """

    kind: Literal["born_again"]
    generations: Annotated[int, Field(ge=2, le=10)] = 2


class OnPolicy(Training):
    """The teacher judges the student's own text, token by token; see `evalsuite.distill.on_policy`.

    `training_tokens` are those that the student writes; `sequence_tokens` is the length of the rows on which it is
    measured.
    """

    kind: Literal["on_policy"]
    answer_tokens: Annotated[int, Field(ge=4, le=1024)] = 64
    beta: Annotated[float, Field(ge=0, le=1)] = 1.0
    temperature: Annotated[float, Field(gt=0, le=5)] = 1.0

    @property
    def least_steps(self) -> int:
        """Steps where every answer is as long as it may be."""
        return max(self.training_tokens // (self.batch_sequences * self.answer_tokens), 1)


class Imitation(Part):
    """The training on the teacher's text that comes before reinforcement."""

    training_tokens: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    batch_sequences: Annotated[int, Field(ge=1, le=1024)] = 32


class JudgeRL(Training):
    """Imitation, then reinforcement of the student's own answers by a judge; see `evalsuite.distill.judge_rl`.

    `training_tokens` are those that the student writes, `batch_sequences` the answers of a step, `group` those to one
    question. Without `imitation` the student's start is reinforced as it is.
    """

    kind: Literal["judge_rl"]
    judge: AnyJudge
    imitation: Imitation | None = None
    group: Annotated[int, Field(ge=2, le=256)] = 8
    temperature: Annotated[float, Field(gt=0, le=5)] = 1.0
    answers_judged_on: Annotated[int, Field(ge=16, le=100_000)] = Field(
        default=2000, description="held-out answers of known truth by which the judge's own error is measured"
    )

    @model_validator(mode="after")
    def _whole_groups(self) -> JudgeRL:
        if self.batch_sequences % self.group:
            raise ValueError("batch_sequences must be a multiple of group")
        return self

    @property
    def before(self) -> OutputsOnly | None:
        """The imitation as a method of its own."""
        if self.imitation is None:
            return None
        settings = self.model_dump(include={"sequence_tokens", "weight_decay"})
        return OutputsOnly.model_validate({"kind": "outputs"} | settings | self.imitation.model_dump())


Method = Annotated[
    LogitDistillation | TopEntryDistillation | OutputsOnly | BornAgain | OnPolicy | JudgeRL,
    Field(discriminator="kind"),
]


class EndpointHere(Endpoint):
    """A teacher behind an OpenAI-compatible endpoint, described in the recipe itself; see `evalsuite.endpoint`."""

    kind: Literal["endpoint"]


def _how_named(value: object) -> str:
    return "endpoint" if isinstance(value, dict | Endpoint) else "by_name"


# A model by its name or path, the YAML of an endpoint among these, or an endpoint described here.
TeacherNamed = Annotated[
    Annotated[str, Tag("by_name")] | Annotated[EndpointHere, Tag("endpoint")], Discriminator(_how_named)
]


class TeacherText(Part):
    """Text that the teacher writes: distinct tokens, in batches, sampled at a temperature (0: the likeliest).

    Attributes:
        world: whose questions it answers; none for the lab's own prompts. A document is then a question and its answer,
            of which the answer's tokens count.
    """

    tokens: Annotated[int, Field(ge=64)]
    batch: Annotated[int, Field(ge=1, le=512)] = 64
    answer_tokens: Annotated[int, Field(ge=8, le=1024)] = 96
    temperature: Annotated[float, Field(ge=0, le=5)] = 1.0
    world: AnyWorld | None = None


class Recipe(Part):
    """How a student is made."""

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    teacher: TeacherNamed
    access: Access | None = Field(default=None, description="none: what the method needs, at no price")
    student: StudentStart
    text: TeacherText
    method: Method
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        granted = self.terms.granted.kind
        wanted = REGIMES_OF[self.method.kind]
        if granted not in wanted:
            raise ValueError(
                f"the method {self.method.kind} needs the regime {' or '.join(wanted)}, the teacher gives {granted}; "
                "change access, or use the method outputs"
            )
        other = isinstance(self.student, FromScratch) and self.student.tokenizer is not None
        if other and self.method.kind != "outputs":
            raise ValueError(
                f"the method {self.method.kind} compares probabilities token by token and needs the teacher's "
                "tokenizer; leave student.tokenizer out, or use the method outputs"
            )
        itself = isinstance(self.student, SameShape) and self.student.start == "teacher"
        if itself and self.method.kind not in ("outputs", "judge_rl"):
            raise ValueError("a student with the teacher's own weights has nothing to learn from its probabilities")
        if isinstance(self.method, JudgeRL):
            self._can_be_judged(self.method.judge)
        return self

    def _can_be_judged(self, judge: Verifier | TeacherJudge | ErringJudge | ShuffledRewards) -> None:
        world = self.text.world
        if world is None:
            raise ValueError("the method judge_rl needs questions whose answers can be judged; name text.world")
        if not isinstance(judge, TeacherJudge):
            return
        if not world.has_verdicts:
            raise ValueError(f"no teacher learns to judge in the world {world.kind}; use the verifier, or countdown")
        if not judge.hard and self.terms.granted.kind == "text":
            raise ValueError("a teacher that gives text alone says yes or no; set method.judge.hard, or change access")

    @property
    def terms(self) -> Access:
        """The terms on which the teacher is met."""
        if self.access is not None:
            return self.access
        return Access(regime=DEFAULT_REGIMES[self.method.kind])

    @property
    def sha256(self) -> str:
        """Hash of the content."""
        return sha256_of_json(self.model_dump(mode="json"))


REGIMES_OF: dict[str, tuple[str, ...]] = {
    "logit_kd": ("full",),
    "topk_kd": ("topk",),
    "outputs": ("text", "topk", "full"),
    "born_again": ("full",),
    "on_policy": ("full",),
    "judge_rl": ("text", "topk", "full"),
}
DEFAULT_REGIMES: dict[str, TextOnly | TopEntries | FullProbabilities] = {
    "logit_kd": FullProbabilities(),
    "topk_kd": TopEntries(),
    "outputs": TextOnly(),
    "born_again": FullProbabilities(),
    "on_policy": FullProbabilities(),
    "judge_rl": FullProbabilities(),
}


def read_recipe(argument: str) -> Recipe:
    """The recipe of a YAML file or of a shipped name.

    Raises:
        InputError, InputErrors: all problems of the file at once.
    """
    path: Path = shipped_or_path(argument, "recipes", ".yaml")
    raw = read_yaml(path)
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        problems = []
        for item in error.errors(include_url=False):
            place = item["loc"]
            unknown = item["type"] == "extra_forbidden"
            allowed = ", ".join(_fields(place[:-1])) if unknown else item["msg"].removeprefix("Value error, ")
            field = ".".join(str(step) for at, step in enumerate(place) if not at or step not in TAGS)
            received = "" if item["type"] == "value_error" and not place else item.get("input", "")
            if place[:2] == ("teacher", "endpoint") and (unknown or place[-1] in UNREPEATED or len(place) < 3):
                received = "(not repeated)"
            problems.append(InputError(str(path), field, received, allowed, "correct the recipe"))
        raise_all(problems)
        raise


def _variants(union: object) -> list[type[BaseModel]]:
    return list(get_args(get_args(union)[0]))


# The tag of each variant, by which pydantic names a place inside a union.
KINDS: dict[str, type[BaseModel]] = {
    get_args(variant.model_fields["kind"].annotation)[0]: variant
    for union in (StudentStart, Method, Regime, Defence, AnyWorld, AnyJudge)
    for variant in _variants(union)
}

TAGS = {*KINDS, "by_name", "endpoint"}
UNREPEATED = ("base_url", "key_env")  # a secret may stand there by mistake


def _fields(location: tuple[int | str, ...]) -> list[str]:
    if not location:
        return list(Recipe.model_fields)
    if len(location) > 1 and str(location[-1]) in KINDS:
        return list(KINDS[str(location[-1])].model_fields)
    sections: dict[str, type[BaseModel]] = {"access": Access, "text": TeacherText, "teacher": EndpointHere}
    return list(sections.get(str(location[0]), Recipe).model_fields)
