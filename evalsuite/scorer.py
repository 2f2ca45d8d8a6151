"""lm-eval's models over loaded weights: one that computes nothing twice, and lm-eval's own for comparison.

`SharedPrefixLM` answers what `hf` answers, in float32 to rounding: each distinct prefix and context is computed once,
the vocabulary projection at scored places alone. Where a model does not bear sharing (sliding windows, recurrence,
angles by length, positions of its own) it makes plain batches. Both note which requests met logits that are not
finite, and which were cut.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs, postprocess_generated_text

from evalsuite.forward import Answer, Forward
from evalsuite.generation import ends_of_text, writes_plainly
from evalsuite.notes import Memory, Notes, Noting, OnRequests, untold
from evalsuite.packing import Batch, Request, groups_of_prompts, plan
from sim.shared.manifest import sha256_of_json

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel

# Measured on two cores with 135M parameters: 1,024 to 4,096 places differ by less than their noise.
BATCH_TOKENS = {"cpu": 2048, "cuda": 32768, "mps": 8192}
STOCK_BATCH = 64  # measured: 32, 64 and 128 differ by less than 8 per cent; 64 keeps the logits below 1 GB
KV_BYTES = 2**30  # of keys and values held while writing; growing them by a token holds two copies of a layer
WRITING_ROWS = {"cpu": 64, "cuda": 256, "mps": 64}
OF_WRAPPING = ("`pretrained` model kwarg is not of type `str`", "Passed an already-initialized model")
VERSION = 3  # of the plan and the passes: part of what kept answers depend on


class StockLM(Noting, HFLM):
    """lm-eval's own model, log-likelihoods in float32, with notes and without bars."""

    def __init__(
        self,
        loaded: LoadedModel,
        batch_size: int = STOCK_BATCH,
        on_requests: OnRequests = untold,
        memory: Memory | None = None,
        memory_keys: Mapping[str, str] | None = None,
    ) -> None:
        """Wrap a loaded model."""
        import torch

        with _wrapping_untold():
            super().__init__(
                pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=batch_size, softmax_dtype=torch.float32
            )
        self.begin_notes(memory, memory_keys, on_requests)

    def _loglikelihood_tokens(self, requests: Any, disable_tqdm: bool = False, override_bs: int | None = None) -> Any:
        _note_cut(self.notes, requests, self.max_length)
        self.work.requests += len(requests)
        tokens = sum(len(context) + len(ending) - 1 for _, context, ending in requests)
        self.work.asked_tokens += tokens
        self.work.computed_tokens += tokens
        found = super()._loglikelihood_tokens(requests, disable_tqdm=True, override_bs=override_bs)
        self._advance(len(requests), tokens)
        return found

    def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
        """See lm-eval; without its bar."""
        whole = super().loglikelihood
        return self._by_task(requests, lambda mine: whole(mine, disable_tqdm=True))

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> Any:
        """See lm-eval; without its bar."""
        return self._by_task(requests, self._generate)

    def _note_long(self, requests: list[Any]) -> None:
        """Note the prompts that leave no room for what is to be written."""
        for request in requests:
            room = self.max_length - int(normalize_gen_kwargs(request.args[1], self.max_gen_toks)["max_gen_toks"])
            if len(self.tok_encode(request.args[0])) > room:
                self.notes.cut.add((request.args[0],))

    def _generate(self, requests: list[Any]) -> list[str]:
        self._note_long(requests)
        self._prompts = {tuple(self.tok_encode(request.args[0])): request.args[0] for request in requests}
        found: list[str] = HFLM.generate_until(self, requests, disable_tqdm=True)
        self._advance(len(requests), sum(map(len, self._prompts)))
        return found

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **settings: Any) -> Any:
        import torch

        rows = int(context.shape[0])
        broken = torch.zeros(rows, dtype=torch.bool)

        def watch(module: Any, given: Any, found: Any) -> None:
            """Note rows whose logits are not finite, before a setting of the model's bars tokens with -inf."""
            bad = ~torch.isfinite(found.logits[:, -1]).all(dim=-1)
            broken.logical_or_(bad.view(rows, -1).any(dim=-1).cpu())  # several beams a row

        hook = self.model.register_forward_hook(watch)
        try:
            out = super()._model_generate(context, max_length, stop, **settings)
        finally:
            hook.remove()
        for row in broken.nonzero().flatten().tolist():
            tokens = tuple(context[row][settings["attention_mask"][row].bool()].tolist())
            if tokens in self._prompts:  # a prompt that was cut is in error already
                self.notes.broken.add((self._prompts[tokens],))
        return out


class SharedPrefixLM(StockLM):
    """lm-eval's model over loaded weights, by shared prefixes.

    Args:
        loaded: the model.
        memory: where answers are kept as soon as a batch is computed; None for nowhere.
        memory_keys: by task, everything that the answers depend on besides the batch.
        on_requests: called with the task, the number of requests that a batch answered, and the tokens that it read.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        memory: Memory | None = None,
        memory_keys: Mapping[str, str] | None = None,
        on_requests: OnRequests = untold,
        batch_tokens: int | None = None,
    ) -> None:
        """Wrap a loaded model."""
        super().__init__(loaded, on_requests=on_requests, memory=memory, memory_keys=memory_keys)
        self.forward = Forward(loaded.model)
        kind = loaded.model.device.type
        self.batch_tokens = batch_tokens or BATCH_TOKENS.get(kind, BATCH_TOKENS["cpu"])
        self.writing_rows = WRITING_ROWS.get(kind, WRITING_ROWS["cpu"])

    def _loglikelihood_tokens(
        self,
        requests: list[tuple[tuple[str, str], list[int], list[int]]],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        asked = [Request(tuple(context), tuple(continuation)) for _, context, continuation in requests]
        whole = plan(asked, self.max_length, self.batch_tokens, self.forward.pair_cost, self.forward.bears_sharing)
        _note_cut(self.notes, requests, self.max_length)
        self.work.requests += len(asked)
        self.work.asked_tokens += whole.asked_tokens
        self.work.computed_tokens += whole.computed_tokens
        out: list[tuple[float, bool]] = [(float("nan"), False)] * len(asked)
        for batch in whole.batches:
            scored = [one for row in batch.rows for one in row.scored]
            for one, answer in zip(scored, self._answers(batch), strict=True):
                out[one.request] = (answer.nats, answer.greedy)
                self.cache_hook.add_partial("loglikelihood", requests[one.request][0], out[one.request])
            read = 0 if self._recalled else sum(len(part.tokens) for row in batch.rows for part in row.segments)
            self._advance(len(scored), read)
        self.forward.forget()
        return out

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
        """See lm-eval; all windows of all texts of a task are planned together."""
        return self._by_task(requests, self._rolling)

    def _rolling(self, requests: list[Any]) -> list[float]:
        from lm_eval import utils

        owner: list[int] = []
        windows: list[Any] = []
        for index, (text,) in enumerate(request.args for request in requests):
            for window in utils.get_rolling_token_windows(
                token_list=self.tok_encode(text),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length,
                context_len=1,
            ):
                owner.append(index)
                windows.append((None, *utils.make_disjoint_window(window)))
        totals = [0.0] * len(requests)
        for index, (nats, _) in zip(owner, self._loglikelihood_tokens(windows), strict=True):
            totals[index] += nats
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    def _generate(self, requests: list[Any]) -> list[str]:
        """Greedy requests share their prompts' prefixes; sampled ones, and a model's own settings, go the stock way."""
        self._note_long(requests)
        out: list[str] = [""] * len(requests)
        by_settings: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            by_settings.setdefault(repr(sorted(request.args[1].items())), []).append(index)
        for indices in by_settings.values():
            kwargs = dict(normalize_gen_kwargs(requests[indices[0]].args[1], self.max_gen_toks))
            mine = [requests[index] for index in indices]
            greedy = not kwargs.get("do_sample") and set(kwargs) <= {
                "do_sample",
                "until",
                "max_gen_toks",
                "temperature",
            }
            if greedy and self.forward.bears_sharing and writes_plainly(self.model, self.eot_token_id):
                written = self._write(mine, handle_stop_sequences(kwargs["until"], self._eos), kwargs["max_gen_toks"])
            else:
                written = super()._generate(mine)
            for index, text in zip(indices, written, strict=True):
                out[index] = text
        return out

    @property
    def _eos(self) -> str:
        return str(self.tok_decode([self.eot_token_id], skip_special_tokens=False))

    def _write(self, requests: list[Any], until: list[str], most_tokens: int) -> list[str]:
        prompts = []
        for request in requests:
            tokens = self.tok_encode(request.args[0])
            prompts.append(tuple(tokens[-max(self.max_length - most_tokens, 1) :]))
        self.work.requests += len(prompts)
        self.work.asked_tokens += sum(map(len, prompts))
        ends = ends_of_text(self.model)

        def done(tokens: Sequence[int]) -> bool:
            text = self.tok_decode(list(tokens))
            return any(term and term in text for term in until)

        out = [""] * len(prompts)
        places = KV_BYTES // self.forward.kv_bytes_per_token
        for prefix, indices in groups_of_prompts(prompts, self.writing_rows, places, most_tokens):
            tails = [prompts[index][len(prefix) :] for index in indices]
            keys = self._keys(["write", prefix, tails, until, most_tokens, sorted(ends)], len(indices))
            kept = self._memory.recall(keys) if self._memory else None
            read = 0 if kept else len(prefix) + sum(map(len, tails))
            if kept is None:
                written = self.forward.write(prefix, tails, most_tokens, ends, done)
                self.work.computed_tokens += read
                kept = [
                    {"tokens": one.tokens, "nats": one.nats if math.isfinite(one.nats) else None} for one in written
                ]
                if self._memory:
                    self._memory.keep(dict(zip(keys, kept, strict=True)))
            else:
                self.work.recalled_requests += len(indices)
            for index, answer in zip(indices, kept, strict=True):
                text = self.tok_decode(answer["tokens"])
                out[index] = postprocess_generated_text(text, stop=until, think_end_token=None)
                if answer["nats"] is None:
                    self.notes.broken.add((requests[index].args[0],))
                else:
                    self.notes.confidence[requests[index].args[0]] = answer["nats"] / max(len(answer["tokens"]), 1)
                self.cache_hook.add_partial("generate_until", requests[index].args, out[index])
            self._advance(len(indices), read)
        self.forward.forget()
        return out

    def _answers(self, batch: Batch) -> list[Answer]:
        """Answers to a batch, computed or recalled; a batch is recalled whole or not at all."""
        count = sum(len(row.scored) for row in batch.rows)
        keys = self._keys(_content(batch), count)
        kept = self._memory.recall(keys) if self._memory else None
        self._recalled = kept is not None
        if kept is not None:
            self.work.recalled_requests += count
            return [
                Answer(float("nan") if answer["nats"] is None else answer["nats"], answer["greedy"]) for answer in kept
            ]
        answers = self.forward.answer(batch)
        if self._memory:
            found = (
                {"nats": answer.nats if math.isfinite(answer.nats) else None, "greedy": answer.greedy}
                for answer in answers
            )
            self._memory.keep(dict(zip(keys, found, strict=True)))
        return answers

    def _keys(self, content: object, count: int) -> list[str]:
        """One key an answer: what the batch holds decides the last digits of all its answers."""
        if self._memory is None:
            return []
        whole = sha256_of_json([VERSION, self._memory_keys.get(self._task, ""), content])
        return [f"{whole}/{place}" for place in range(count)]


@contextlib.contextmanager
def _wrapping_untold() -> Iterator[None]:
    """Drop lm-eval's two warnings that the model is loaded already: that is what is meant here. All else is told."""
    logger = logging.getLogger(HFLM.__module__)

    def told(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(OF_WRAPPING)

    logger.addFilter(told)
    try:
        yield
    finally:
        logger.removeFilter(told)


def _note_cut(notes: Notes, requests: Sequence[Any], max_length: int) -> None:
    for strings, context, ending in requests:
        if strings is not None and len(context) + len(ending) > max_length + 1:
            notes.cut.add(strings)


def _content(batch: Batch) -> list[Any]:
    """All that decides the answers to a batch, as plain data."""
    return [
        batch.prefix,
        [
            [
                [(segment.parent, segment.tokens) for segment in row.segments],
                [(one.nodes, one.targets) for one in row.scored],
            ]
            for row in batch.rows
        ],
    ]
