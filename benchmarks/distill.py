"""Training on a teacher's probabilities beside TRL's `GKDTrainer`: same student, teacher, rows, batch and type of
number.

TRL runs at its best here: no sampling (lmbda 0), forward KL (beta 0), gradient checkpointing off, teacher resident,
embeddings and head fixed as ours are. Three epochs over the same rows; ours counts the teacher's reading and the
writing of its cache. Repeats alternate, and the median of the paired ratios is told. Tokens are drawn at random: what
is read does not matter for the time.
"""

from __future__ import annotations

import copy
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from dashboard.bench import BenchRow
from sim.shared.console import Progress

REPEATS = int(os.environ.get("UNDERCUT_BENCH_REPEATS", "3"))
ROWS = int(os.environ.get("UNDERCUT_BENCH_ROWS", "24"))
LENGTH, BATCH, EPOCHS = 128, 4, 3
FULL_TARGET = 1.3


def rows() -> list[BenchRow]:
    """Tokens per second of full probabilities and of top entries, each with TRL's beside it."""
    import torch

    from evalsuite.distill.recipe import read_recipe
    from evalsuite.models import load, resolve

    recipe = read_recipe("demo")
    loaded = load(resolve(recipe.teacher))
    data = torch.randint(0, loaded.model.config.vocab_size, (ROWS, LENGTH), generator=torch.Generator().manual_seed(0))
    tokens = ROWS * LENGTH * EPOCHS
    seconds: dict[str, list[float]] = {"full": [], "topk": [], "trl": []}
    with Progress("distill", REPEATS * 3 * tokens, "tokens") as progress:
        for _ in range(REPEATS):
            for name in seconds:
                seconds[name].append(_gkd(loaded, recipe, data) if name == "trl" else _ours(loaded, recipe, data, name))
                progress.advance(tokens, name)
    out = []
    for name, target in (("full", FULL_TARGET), ("topk", None)):
        ratios = sorted(theirs / mine for theirs, mine in zip(seconds["trl"], seconds[name], strict=True))
        label = f"distil, {name}, over TRL ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        out.append(BenchRow(label, statistics.median(ratios), "times", target=target, bound="at least"))
        rate = tokens / statistics.median(seconds[name])
        peer = tokens / statistics.median(seconds["trl"])
        out.append(BenchRow(f"distil, {name}", rate, "tokens/s", "TRL's GKDTrainer", peer))
    return out


def _start(loaded: Any, recipe: Any) -> Any:
    from evalsuite.distill.prune import keep_layers

    return keep_layers(loaded.model, recipe.student.keep)


def _ours(loaded: Any, recipe: Any, data: Any, regime: str) -> float:
    from evalsuite.distill.access import Access
    from evalsuite.distill.outputs import buy
    from evalsuite.distill.supply import full_supply, sparse_supply
    from evalsuite.distill.teacher import LocalTeacher
    from evalsuite.distill.training import train
    from sim.shared.paths import CACHE_ENV

    student = _start(loaded, recipe)
    settings = recipe.method.model_copy(update={"training_tokens": ROWS * LENGTH * EPOCHS})
    teacher = LocalTeacher(loaded, Access.model_validate({"regime": {"kind": regime}}))
    kept = os.environ.get(CACHE_ENV)
    with tempfile.TemporaryDirectory(prefix="undercut-bench-") as empty:
        os.environ[CACHE_ENV] = empty  # so that nothing is there yet and writing it is counted
        try:
            started_s = time.monotonic()
            outputs = buy(teacher, data, BATCH)
            if regime == "full":
                supply = full_supply(outputs, loaded.model.lm_head.weight.detach(), None)
            else:
                supply = sparse_supply(outputs, renormalised=False)
            train(student, data, supply, settings, seed=0)
            return time.monotonic() - started_s
        finally:
            if kept is None:
                del os.environ[CACHE_ENV]
            else:
                os.environ[CACHE_ENV] = kept


def _gkd(loaded: Any, recipe: Any, data: Any) -> float:
    import torch
    from datasets import Dataset
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    from evalsuite.distill.training import cast

    student = _start(loaded, recipe)
    cast(student, torch.float32)
    held = {id(student.get_input_embeddings().weight), id(student.lm_head.weight)}
    for weight in student.parameters():
        weight.requires_grad_(id(weight) not in held)

    def collate(parts: list[dict[str, Any]]) -> dict[str, Any]:
        ids = torch.tensor([part["input_ids"] for part in parts])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone(), "prompts": ids[:, :1]}

    tokenizer = copy.deepcopy(loaded.tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    with tempfile.TemporaryDirectory(prefix="undercut-bench-") as scratch:
        arguments = GKDConfig(
            output_dir=str(Path(scratch)),
            use_cpu=True,
            bf16=loaded.dtype == "bfloat16",
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            per_device_train_batch_size=BATCH,
            num_train_epochs=EPOCHS,
            learning_rate=recipe.method.learning_rate,
            max_grad_norm=1.0,
            weight_decay=0.0,
            lmbda=0.0,
            beta=0.0,
            temperature=1.0,
        )
        trainer = GKDTrainer(
            model=student,
            teacher_model=loaded.model,
            args=arguments,
            data_collator=collate,
            train_dataset=Dataset.from_dict({"input_ids": data.tolist()}),
            processing_class=tokenizer,
        )
        started_s = time.monotonic()
        trainer.train()
        return time.monotonic() - started_s
