"""A world's teacher: a small model taught by demonstrations drawn from the truth, kept in the cache under its name.

It is trained by the lab's own loop, on the answers of a fixed set of documents, until its schooling ends. A recipe that
names a teacher `KIND-teacher` of its world gets the one taught here, made when it is first asked for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalsuite.distill.recipe import OutputsOnly
from evalsuite.distill.supply import text_supply
from evalsuite.distill.text import pack
from evalsuite.distill.training import train
from evalsuite.distill.worlds.answers import answers_only
from evalsuite.distill.worlds.kinds import AnyWorld
from evalsuite.distill.worlds.net import Net, make_net
from evalsuite.distill.worlds.tokens import make_tokenizer
from evalsuite.distill.worlds.world import World
from evalsuite.models import CARD_NAME, models_dir, quiet_transformers
from sim.shared.console import Progress
from sim.shared.manifest import sha256_of_json
from sim.shared.paths import replacing_dir

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

LICENCE = "Apache-2.0"
FIRST_DOCUMENTS = 64  # by which a teacher that was shown documents of another form is told apart


@dataclass(frozen=True)
class Schooling:
    """How a teacher is taught: its shape, how many demonstrations, and how long.

    Attributes:
        documents: drawn once; the same ones in every epoch.
        training_tokens: questions included.
    """

    net: Net
    documents: int
    training_tokens: int
    learning_rate: float = 3e-3
    sequence_tokens: int = 64
    batch_sequences: int = 32
    weight_decay: float = 0.01
    seed: int = 0

    @property
    def method(self) -> OutputsOnly:
        """As the training loop reads it."""
        return OutputsOnly(
            kind="outputs",
            training_tokens=self.training_tokens,
            learning_rate=self.learning_rate,
            sequence_tokens=self.sequence_tokens,
            batch_sequences=self.batch_sequences,
            weight_decay=self.weight_decay,
        )


# Sizes found by trying (docs/distillation.md says what they come to).
SCHOOLINGS: dict[str, Schooling] = {
    "knowledge": Schooling(Net(layers=2), 100_000, training_tokens=1_500_000, learning_rate=2e-3, batch_sequences=8),
    "addition": Schooling(Net(layers=2), 30_000, training_tokens=1_000_000, learning_rate=2e-3, batch_sequences=8),
    "countdown": Schooling(Net(), documents=120_000, training_tokens=8_000_000),
}


def teacher_name(world: World) -> str:
    """Under which a world's teacher is kept."""
    return f"{world.model_dump()['kind']}-teacher"


def teach_named(world: AnyWorld, teacher: object) -> None:
    """Teach a world's own teacher if that is the one named, and the cache has none of this world and schooling."""
    if teacher == teacher_name(world):
        teach(world, SCHOOLINGS[world.kind], teacher_name(world))


def teach(world: World, schooling: Schooling, name: str) -> None:
    """Make a world's teacher and keep it under `name`, unless the cache has it."""
    shown = world.demonstrations(FIRST_DOCUMENTS, schooling.seed)
    key = sha256_of_json([world.model_dump(mode="json"), world.symbols, _plain(schooling), shown])
    folder = models_dir() / name
    if _key_of(folder / CARD_NAME) == key:
        return
    quiet_transformers()
    tokenizer = make_tokenizer(world)
    documents = world.demonstrations(schooling.documents, schooling.seed)
    rows = document_rows(documents, tokenizer, schooling.sequence_tokens)
    model = make_net(schooling.net, tokenizer, schooling.seed)
    with Progress(f"teaching {name}", schooling.training_tokens, "tokens") as progress:
        done = train(
            model,
            rows,
            answers_only(text_supply(rows), rows, tokenizer, world),
            schooling.method,
            schooling.seed,
            frozen_head=False,
            on_step=lambda tokens, loss: progress.advance(tokens, f"loss {loss:.3f} nats"),
        )
    card = {
        "name": name,
        "role": "teacher",
        "licence": LICENCE,
        "parent": "",
        "world": world.model_dump(mode="json"),
        "schooling": _plain(schooling),
        "params": sum(weight.numel() for weight in model.parameters()),
        "final_loss_nats": done.final_loss_nats,
        "seconds": done.seconds,
        "key": key,
    }
    with replacing_dir(folder, CARD_NAME, source=f"teacher {name}") as beside:
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        (beside / CARD_NAME).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def document_rows(documents: list[str], tokenizer: PreTrainedTokenizerBase, length: int) -> torch.Tensor:
    """Documents, ends included, one after the other as rows (R, length)."""
    end = int(tokenizer.eos_token_id)
    ids = tokenizer(documents, add_special_tokens=False).input_ids
    return pack([document[:-1] if document[-1] == end else document for document in ids], end, length)


def _plain(schooling: Schooling) -> dict[str, Any]:
    return {**schooling.__dict__, "net": schooling.net.model_dump(mode="json")}


def _key_of(card: Any) -> str:
    try:
        return str(json.loads(card.read_text(encoding="utf-8")).get("key", ""))
    except (OSError, ValueError, AttributeError):
        return ""
