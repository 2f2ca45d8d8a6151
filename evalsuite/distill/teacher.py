"""The teacher as a student meets it: it writes text in answer to prompts, and it tells probabilities of tokens.

`Teacher` is what the lab needs of any of them; `LocalTeacher` is a model in this process, `EndpointTeacher` one behind
HTTP (`evalsuite.distill.endpoint_teacher`). What a teacher tells stands
in `Told`, one record a token, in the form in which it is kept (`evalsuite.distill.outputs`). Defences blur it here,
before it leaves the teacher.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from evalsuite.distill.access import Access, FullProbabilities, TopEntries
from evalsuite.distill.losses import rounded
from evalsuite.distill.recipe import TeacherText
from evalsuite.models import LoadedModel, ModelSpec
from sim.shared.errors import InputError, UndercutError
from sim.shared.manifest import library_versions, sha256_of_bytes

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

STREAM_TAIL, STREAM_NOISE = 11, 12
CALIBRATION_POSITIONS = 128
LARGEST_NOISE = 1e4


class TeacherLostError(UndercutError):
    """The teacher stopped answering; what it had answered is kept."""


@dataclass(frozen=True)
class Told:
    """What a teacher told about rows of text, one record a token, shape (R, T) of a structured type.

    For full probabilities the record holds the last hidden state (`hidden`, bfloat16 as its bits or float32), from
    which the head rebuilds them; for top entries `ids` (k likely ones, then draws from the rest), `log_probs` of the k,
    and `tail`, the probability of the rest.
    """

    records: np.ndarray


class Teacher(Protocol):
    """What the lab asks of a teacher.

    Attributes:
        spec: who it is.
        access: the terms.
        identity: all that decides what it says, "weights" and "tokenizer" among it, for the keys of what is kept.
        tokenizer: of the tokens that it writes and reads.
    """

    spec: ModelSpec
    access: Access
    identity: dict[str, Any]
    tokenizer: PreTrainedTokenizerBase

    @property
    def loaded(self) -> LoadedModel | None:
        """Its weights, or None where they are not in this process."""

    def write(self, prompts: Sequence[str], settings: TeacherText, seed: int) -> list[list[int]]:
        """An answer to each prompt, as token ids, in order.

        Raises:
            TeacherLostError: if it does not answer any more.
        """

    def tell(self, rows: np.ndarray, noise_scale: float) -> Told:
        """What the regime gives of each token of rows (R, T).

        Raises:
            TeacherLostError: if it does not answer any more.
        """

    def noise_scale(self, rows: np.ndarray) -> float:
        """Standard deviation of the noise defence, calibrated on rows (R, T); 0 without it."""

    def record_type(self) -> np.dtype:
        """The type of `Told.records`."""


class LocalTeacher:
    """A loaded model as a teacher; see `Teacher`."""

    def __init__(self, loaded: LoadedModel, access: Access) -> None:
        self.spec = loaded.spec
        self.loaded: LoadedModel = loaded
        self.access = access
        self.tokenizer = loaded.tokenizer
        self.identity: dict[str, Any] = {
            "weights": loaded.weights_sha256,
            "tokenizer": loaded.tokenizer_sha256,
            "dtype": loaded.dtype,
            "threads": loaded.threads,
            "libraries": library_versions(),
        }

    def write(self, prompts: Sequence[str], settings: TeacherText, seed: int) -> list[list[int]]:
        """See `Teacher`. Sampled at the temperature; greedy where it is 0."""
        import torch

        tokenizer = self.tokenizer
        tokenizer.padding_side = "left"
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        texts = [as_prompt(tokenizer, text) for text in prompts]
        encoded = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        sampled = settings.temperature > 0
        how: dict[str, Any] = {"do_sample": sampled}
        if sampled:
            how |= {"temperature": settings.temperature, "top_k": 0, "top_p": 1.0}
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            out: torch.Tensor = self.loaded.model.generate(
                **encoded, max_new_tokens=settings.answer_tokens, pad_token_id=tokenizer.pad_token_id, **how
            )
        ends = {tokenizer.eos_token_id, tokenizer.pad_token_id}
        answers = []
        for row in out[:, encoded["input_ids"].shape[1] :].tolist():
            stop = next((index for index, token in enumerate(row) if token in ends), len(row))
            answers.append(row[:stop])
        return answers

    def tell(self, rows: np.ndarray, noise_scale: float) -> Told:
        """See `Teacher`."""
        import torch

        records = np.empty(rows.shape, dtype=self.record_type())
        with torch.inference_mode():
            hidden = self._hidden(rows)
            if noise_scale > 0:
                hidden = (hidden.float() + noise_scale * _noise(rows, hidden.shape[-1])).to(hidden.dtype)
            granted = self.access.granted
            if isinstance(granted, FullProbabilities):
                bits = hidden.view(torch.int16) if hidden.dtype == torch.bfloat16 else hidden.float()
                records["hidden"] = bits.numpy().view(records.dtype["hidden"].base)
            elif isinstance(granted, TopEntries):
                head = self.loaded.model.lm_head.weight
                for index, row in enumerate(hidden):
                    log_p = rounded(torch.log_softmax((row @ head.T).float(), dim=-1), self.access.decimals)
                    records[index] = entries(log_p, granted, _seed_of(rows[index], STREAM_TAIL), records.dtype)
        return Told(records)

    def noise_scale(self, rows: np.ndarray) -> float:
        """See `Teacher`. By halving intervals on the logarithm, with the noise itself held fixed."""
        import torch

        if self.access.noise_nats <= 0:
            return 0.0
        with torch.inference_mode():
            hidden = self._hidden(rows).flatten(0, 1)[:CALIBRATION_POSITIONS]
            noise = _noise(rows, hidden.shape[-1]).flatten(0, 1)[:CALIBRATION_POSITIONS]
            head = self.loaded.model.lm_head.weight
            true = torch.log_softmax((hidden @ head.T).float(), dim=-1)

            def distance(scale: float) -> float:
                moved = (hidden.float() + scale * noise).to(hidden.dtype)
                blurred = torch.log_softmax((moved @ head.T).float(), dim=-1)
                return float((true.exp() * (true - blurred)).sum(dim=-1).mean())

            low, high = 1e-6, 1e-3
            while distance(high) < self.access.noise_nats and high < LARGEST_NOISE:
                low, high = high, high * 4.0
            for _ in range(20):
                middle = math.sqrt(low * high)
                low, high = (middle, high) if distance(middle) < self.access.noise_nats else (low, middle)
        return math.sqrt(low * high)

    def record_type(self) -> np.dtype:
        """See `Teacher`."""
        granted = self.access.granted
        config = self.loaded.model.config
        if isinstance(granted, FullProbabilities):
            return np.dtype([("hidden", "<u2" if self.loaded.dtype == "bfloat16" else "<f4", (config.hidden_size,))])
        if isinstance(granted, TopEntries):
            if granted.k + (1 if granted.tail_draws else 0) > config.vocab_size:
                raise InputError(
                    "access.regime.k", "", granted.k, f"fewer than the {config.vocab_size} tokens there are", "lower it"
                )
            return entries_type(granted, config.vocab_size)
        raise no_probabilities()

    def _hidden(self, rows: np.ndarray) -> torch.Tensor:
        import torch

        ids = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.int64)).to(self.loaded.model.device)
        hidden: torch.Tensor = self.loaded.model.model(input_ids=ids).last_hidden_state
        return hidden.cpu()


def entries_type(granted: TopEntries, tokens: int) -> np.dtype:
    """The type of records of top entries in a vocabulary of so many tokens."""
    kind = "<u2" if tokens <= 2**16 else "<u4"
    fields: list[Any] = [("ids", kind, (granted.k + granted.tail_draws,))]
    return np.dtype([*fields, ("log_probs", "<f2", (granted.k,)), ("tail", "<f4")])


def no_probabilities() -> InputError:
    """What to tell who asks for probabilities that the terms do not give."""
    return InputError(
        "access", "", "text only", "a regime that gives probabilities", "ask for topk or full, or train on outputs"
    )


def as_prompt(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """A question as the model reads it: in its chat template, or followed by an empty line for a base model."""
    if not tokenizer.chat_template:
        return f"{text}\n\n"
    turns = [{"role": "user", "content": text}]
    return str(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))


def entries(log_p: torch.Tensor, regime: TopEntries, seed: int, record_type: np.dtype) -> np.ndarray:
    """Records of positions (T,) from their log-probabilities (T, V).

    The tail's mass is one less the *kept* (half-precision) probabilities of the likely entries, so that the weights of
    a position always sum to one. Draws from the tail are with replacement and in proportion to probability.
    """
    import torch

    top, ids = log_p.topk(regime.k, dim=-1)
    records = np.empty(len(log_p), dtype=record_type)
    records["log_probs"] = top.numpy().astype(np.float16)
    records["ids"][:, : regime.k] = ids.numpy()
    records["tail"] = np.clip(1.0 - np.exp(records["log_probs"].astype(np.float64)).sum(axis=1), 0.0, 1.0)
    if regime.tail_draws:
        rest = log_p.exp().scatter(1, ids, 0.0)
        empty = rest.sum(dim=1) <= 0  # nothing of the tail can be told apart from 0: any draw weighs nothing
        rest[empty, 0] = 1.0
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.multinomial(rest, regime.tail_draws, replacement=True, generator=generator)
        records["ids"][:, regime.k :] = drawn.numpy()
        records["tail"][empty.numpy()] = 0.0
    return records


def _noise(rows: np.ndarray, width: int) -> torch.Tensor:
    """Standard normal noise (R, T, width), the same for the same row whatever else is read."""
    import torch

    parts = [
        torch.randn(len(row), width, generator=torch.Generator().manual_seed(_seed_of(row, STREAM_NOISE)))
        for row in rows
    ]
    return torch.stack(parts)


def _seed_of(row: np.ndarray, stream: int) -> int:
    digest = sha256_of_bytes(np.ascontiguousarray(row, dtype="<i8").tobytes() + bytes([stream]))
    return int(digest[:15], 16)
