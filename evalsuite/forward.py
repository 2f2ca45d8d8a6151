"""The passes of a model over a plan's batches: trees of tokens in, log-likelihoods out; and greedy writing.

A row's tree is one sequence in which every token sees its ancestors alone, by its attention mask, and stands at its
depth, by its position; the batch's prefix is computed once and read from cached keys and values. The vocabulary
projection is applied to scored places alone. Where nothing is shared the pass is the plain one, without a mask.

What a pass holds is bounded by functions of the requests and the model alone, so that scores stay reproducible:
logits, in float32 and again for the logarithm of their sum, by `HEAD_BYTES`; masks and the like by `evalsuite.bounds`;
the rest by the places of a batch. An accelerator that is out of memory all the same gets the batch in halves.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.bounds import Footprint, is_tree, parts, paths, scored_nodes
from evalsuite.packing import Batch, Request, plan
from evalsuite.trees import alone, tree
from sim.shared.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel

HEAD_BYTES = 64 * 2**20  # of float32 logits held at a time
# How far sharing may move a log-probability before this model is taken not to bear it: it is wrong by nats then.
ROPE_BY_LENGTH = {"dynamic", "longrope"}  # their angles depend on the longest row of a batch
BORNE_NATS = {"float32": 1e-3, "bfloat16": 1.0, "float16": 0.25}


# Kinds of models that were found to bear sharing; the trial takes a second, and hangs on the architecture alone.
_BORNE: dict[str, tuple[bool, bool]] = {}


@dataclass(frozen=True)
class Answer:
    """Log-likelihood of a continuation in nats (NaN where the logits were not finite), and whether it is greedy."""

    nats: float
    greedy: bool


@dataclass(frozen=True)
class Written:
    """Tokens written greedily, the end included, and their log-likelihood in nats (NaN: logits were not finite)."""

    tokens: list[int]
    nats: float


class Forward:
    """A loaded causal model, asked for log-likelihoods by batches of trees."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Take a model in evaluation mode; what it bears is found by trying, see `bears_sharing`."""
        self.model = model
        self._prefix: tuple[tuple[int, ...], list[tuple[torch.Tensor, torch.Tensor]]] = ((), [])
        self._body: Any = model.get_decoder() if hasattr(model, "get_decoder") else model.base_model
        self._head: Any = model.get_output_embeddings()
        kind = f"{model.config.to_json_string()} {model.dtype} {model.device.type}"
        known = _BORNE.get(kind)
        self.bears_head = known[0] if known else self._head is not None and self._tries_head()
        self.bears_sharing = known[1] if known else self._may_share() and self._tries_sharing()
        if self.bears_head and self.bears_sharing:
            _BORNE[kind] = (True, True)

    @property
    def pair_cost(self) -> float:
        """Cost of a masked query-key pair, in units of a token's cost without attention.

        Products and sums of both, times 3: attention reaches about a third of the rate of the large matrices.
        """
        config = self.model.config
        layers, width = int(config.num_hidden_layers), int(config.hidden_size)
        weights = sum(weight.numel() for weight in self._body.parameters()) - self._embedding_weights()
        return 3.0 * 4.0 * layers * width / (2.0 * max(weights, 1))

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of all layers, for one token of one row."""
        config = self.model.config
        heads = int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)
        width = int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
        return 2 * int(config.num_hidden_layers) * heads * width * self.model.dtype.itemsize

    def answer(self, batch: Batch) -> list[Answer]:
        """Answers to the requests of a batch, in the order of its rows and of what each row scores.

        In a row of several branches a masked place has weight 0, and 0 times NaN is NaN: what comes out as no number
        there is asked again, each path on its own.

        Raises:
            InputError: if an accelerator has no memory for a single path.
        """
        found = [answer for part in parts(batch, self._footprint) for answer in self._answer_or_halve(part)]
        scored = [(row, one) for row in batch.rows for one in row.scored]
        again = [
            place
            for place, ((row, _), answer) in enumerate(zip(scored, found, strict=True))
            if len(row.segments) > 1 and not math.isfinite(answer.nats)
        ]
        for place in again:
            found[place] = self._answer_or_halve(Batch(batch.prefix, (alone(*scored[place]),)))[0]
        return found

    @property
    def _footprint(self) -> Footprint:
        config = self.model.config
        return Footprint(
            number_bytes=self.model.dtype.itemsize,
            eager_heads=int(config.num_attention_heads) if config._attn_implementation == "eager" else 0,
            logits=0 if self.bears_head else int(config.vocab_size),
        )

    def _answer_or_halve(self, batch: Batch) -> list[Answer]:
        """Answers to a batch; in halves where an accelerator has no memory for it."""
        import torch

        try:
            return self._answer(batch)
        except torch.OutOfMemoryError as error:
            told = str(error).split(". ", 1)[0]
        # Behind the handler, where the failed pass holds nothing any more.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        half = len(batch.rows) // 2
        if half:
            halves = [Batch(batch.prefix, batch.rows[:half]), Batch(batch.prefix, batch.rows[half:])]
        elif batch.prefix or len(batch.rows[0].segments) > 1:
            self.forget()
            halves = paths(batch)
        else:
            raise InputError(
                "the accelerator's memory", "", told, f"room for one text of {batch.width} tokens",
                "end what else computes there, take a smaller model, or hide it: CUDA_VISIBLE_DEVICES=",
            )  # fmt: skip
        return [answer for part in halves for answer in self._answer_or_halve(part)]

    def _answer(self, batch: Batch) -> list[Answer]:
        import torch

        scored = [(place, one) for place, row in enumerate(batch.rows) for one in row.scored]
        wanted = [(place, node) for place, one in scored for node in one.nodes]
        targets = [target for _, one in scored for target in one.targets]
        nats, best = [0.0] * len(targets), [False] * len(targets)
        with torch.inference_mode():
            for where, states in self._scored_states(batch):
                number = {spot: index for index, spot in enumerate(where)}
                mine = [index for index, spot in enumerate(wanted) if spot in number]
                found = self._read(
                    states, [number[wanted[index]] for index in mine], [targets[index] for index in mine]
                )
                for index, value, likeliest in zip(mine, *found, strict=True):
                    nats[index], best[index] = value, likeliest
                del states  # before the next pass
        out, start = [], 0
        for _, one in scored:
            end = start + len(one.targets)
            out.append(Answer(float(sum(nats[start:end])), all(best[start:end])))
            start = end
        return out

    def _scored_states(self, batch: Batch) -> Iterator[tuple[list[tuple[int, int]], torch.Tensor]]:
        """Scored places as (row, node) with their last hidden states (places, hidden), all at once.

        Where the head is not apart: with their logits (places, vocabulary), by as many passes as memory asks for.
        """
        import torch

        where = sorted(
            {(place, node) for place, row in enumerate(batch.rows) for one in row.scored for node in one.nodes}
        )
        device = self.model.device
        if self.bears_head:
            states = self._body(**self._given(batch), use_cache=bool(batch.prefix)).last_hidden_state
            rows, nodes = torch.tensor(where, device=device).unbind(dim=1)
            yield where, states[rows, nodes]
            return
        columns = scored_nodes(batch)
        most = self._footprint.places_kept(len(batch.rows)) if self._keeps else len(columns)
        for start in range(0, len(columns), most):
            part = columns[start : start + most]
            kept = {"logits_to_keep": torch.tensor(part, device=device)} if self._keeps else {}
            column = {node: place if self._keeps else node for place, node in enumerate(part)}
            here = [(place, node) for place, node in where if node in column]
            rows = torch.tensor([place for place, _ in here], device=device)
            nodes = torch.tensor([column[node] for _, node in here], device=device)
            # No name is left on a pass's logits, which would hold them through the next.
            yield (
                here,
                self.model(**self._given(batch), use_cache=bool(batch.prefix), **kept).logits[rows, nodes],
            )

    @property
    def _keeps(self) -> bool:
        """Whether the model computes logits of named places alone."""
        return "logits_to_keep" in inspect.signature(self.model.forward).parameters

    def write(
        self,
        prefix: tuple[int, ...],
        prompts: Sequence[tuple[int, ...]],
        most_tokens: int,
        ends: frozenset[int],
        done: Callable[[Sequence[int]], bool],
    ) -> list[Written]:
        """Greedy continuations of `prefix + prompt`, in the prompts' order.

        A row stops at a token of `ends` (which is kept), when `done(tokens)` holds, or after `most_tokens`.
        """
        import torch

        device = self.model.device
        width = max(map(len, prompts))
        ids = torch.zeros((len(prompts), width), dtype=torch.long, device=device)
        seen = torch.zeros((len(prompts), len(prefix) + width), dtype=torch.long, device=device)
        seen[:, : len(prefix)] = 1
        for place, prompt in enumerate(prompts):
            ids[place, width - len(prompt) :] = torch.tensor(prompt, device=device)
            seen[place, len(prefix) + width - len(prompt) :] = 1
        position = (seen.cumsum(dim=1) - 1).clamp(min=0)[:, len(prefix) :]
        out: list[list[int]] = [[] for _ in prompts]
        nats = [0.0] * len(prompts)
        alive = list(range(len(prompts)))
        with torch.inference_mode():
            cache = self._cache(prefix, len(prompts))
            for _ in range(most_tokens):
                found = self.model(
                    input_ids=ids,
                    attention_mask=seen,
                    position_ids=position,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                )
                logits = found.logits[:, -1].float()
                good = torch.isfinite(logits).all(dim=-1).tolist()
                best, likeliest = logits.max(dim=-1)
                found_nats, following = (best - logits.logsumexp(dim=-1)).tolist(), likeliest.tolist()
                stay = []
                for place, row in enumerate(alive):
                    out[row].append(following[place])
                    nats[row] += found_nats[place] if good[place] else float("nan")
                    if good[place] and following[place] not in ends and not done(out[row]):
                        stay.append(place)
                if not stay:
                    break
                cache = found.past_key_values
                if len(stay) < len(alive):
                    keep = torch.tensor(stay, device=device)
                    cache.batch_select_indices(keep)
                    seen, position = seen[keep], position[keep]
                    alive = [alive[place] for place in stay]
                ids = torch.tensor([[out[row][-1]] for row in alive], device=device)
                position = position[:, -1:] + 1
                seen = torch.cat([seen, seen.new_ones((len(alive), 1))], dim=1)
        return [Written(tokens, total) for tokens, total in zip(out, nats, strict=True)]

    def _given(self, batch: Batch) -> dict[str, Any]:
        """What the model is called with."""
        import torch

        device = self.model.device
        ids = np.zeros((len(batch.rows), batch.width), dtype=np.int64)
        for place, row in enumerate(batch.rows):
            tokens = [token for segment in row.segments for token in segment.tokens]
            ids[place, : len(tokens)] = tokens
        given: dict[str, Any] = {"input_ids": torch.from_numpy(ids).to(device)}
        if is_tree(batch):
            sees, depth = tree(batch)
            given["attention_mask"] = self._mask(torch.from_numpy(sees).to(device))
            given["position_ids"] = torch.from_numpy(depth).to(device)
        if batch.prefix:
            given["past_key_values"] = self._cache(batch.prefix, len(batch.rows))
        return given

    def _read(self, states: torch.Tensor, of_target: list[int], targets: list[int]) -> tuple[list[float], list[bool]]:
        """Log-probability of each target at its place, and whether it is the likeliest token there."""
        import torch

        wanted = torch.tensor(targets, device=states.device)
        source = torch.tensor(of_target, device=states.device)
        nats = torch.zeros(len(targets), dtype=torch.float32, device=states.device)
        best = torch.zeros(len(targets), dtype=torch.bool, device=states.device)
        step = max(HEAD_BYTES // (4 * int(self.model.config.vocab_size)), 1)
        for start in range(0, len(states), step):
            part = states[start : start + step]
            logits = (self._head(part) if self.bears_head else part).float()
            inside = (source >= start) & (source < start + len(part))
            here, mine = source[inside] - start, wanted[inside]
            nats[inside] = (logits[here, mine] - logits.logsumexp(dim=-1)[here]).to(nats.dtype)
            best[inside] = logits.argmax(dim=-1)[here] == mine
        return nats.tolist(), best.tolist()

    def forget(self) -> None:
        """Let go of the last prefix's keys and values."""
        self._prefix = ((), [])

    def _cache(self, prefix: tuple[int, ...], rows: int) -> DynamicCache:
        """Keys and values of a prefix, for `rows` rows; those of the last prefix are kept."""
        import torch
        from transformers import DynamicCache

        if not prefix:
            return DynamicCache(config=self.model.config)
        if self._prefix[0] != prefix:
            ids = torch.tensor([prefix], device=self.model.device)
            found = self._body(input_ids=ids, past_key_values=DynamicCache(), use_cache=True).past_key_values
            self._prefix = (prefix, [(layer.keys, layer.values) for layer in found.layers])
        return DynamicCache(
            [(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1)) for keys, values in self._prefix[1]]
        )

    def _mask(self, sees: torch.Tensor) -> torch.Tensor:
        import torch

        if self.model.config._attn_implementation == "sdpa":
            return sees
        mask = torch.zeros(sees.shape, dtype=self.model.dtype, device=sees.device)
        return mask.masked_fill_(~sees, torch.finfo(self.model.dtype).min)

    def _embedding_weights(self) -> int:
        return int(self.model.get_input_embeddings().weight.numel())

    def _may_share(self) -> bool:
        """Whether every layer attends to everything before it, at positions that mean the same in every row.

        Told by the configuration, for what a trial is too short to meet: sliding windows, chunks, recurrence, and
        rotary embeddings that change with the length of what is read.
        """
        config = self.model.config.get_text_config()
        kinds = getattr(config, "layer_types", None)
        if kinds is None:
            window = getattr(config, "sliding_window", None)
            whole = window is None or window >= getattr(config, "max_position_embeddings", math.inf)
            kinds = ["full_attention" if whole else "sliding_attention"]
        return (
            set(kinds) == {"full_attention"}
            and not _rope_types(config) & ROPE_BY_LENGTH
            and self.model.config._attn_implementation in ("sdpa", "eager")
        )

    def _tries_head(self) -> bool:
        """Whether the head on the last hidden states gives the model's own logits (no scaling or cap after it)."""
        import torch

        with torch.inference_mode():
            ids = torch.tensor([_trial_tokens(self.model, 8)], device=self.model.device)
            try:
                apart = self._head(self._body(input_ids=ids, use_cache=False).last_hidden_state)
            except (AttributeError, TypeError, RuntimeError):
                return False
            return bool(torch.allclose(apart, self.model(input_ids=ids, use_cache=False).logits))

    def _tries_sharing(self) -> bool:
        """Whether trees and prefixes give the answers of plain passes, on tokens of no meaning."""
        tokens = _trial_tokens(self.model, 120)
        start, contexts = tokens[:88], [tokens[88:92], tokens[92:98], tokens[98:101], tokens[101:105]]
        requests = [Request(start + context, tokens[105:109]) for context in contexts]
        requests.append(Request(start + contexts[0], tokens[105:107] + tokens[110:113]))
        requests.append(Request(start + contexts[1], tokens[113:114]))
        length = 128
        plain = plan(requests, length, 4096, 0.0, share=False)
        shared = plan(requests, length, 4096, 0.0)
        alone = self.in_order(requests, plain.batches)
        try:
            together = self.in_order(requests, shared.batches)
        except (AttributeError, TypeError, ValueError, RuntimeError):
            return False
        borne = BORNE_NATS.get(str(self.model.dtype).removeprefix("torch."), 1e-3)
        return all(abs(one.nats - other.nats) <= borne for one, other in zip(alone, together, strict=True))

    def in_order(self, requests: Sequence[Request], batches: Sequence[Batch]) -> list[Answer]:
        """Answers to all requests of a plan, in the requests' order."""
        out: list[Answer] = [Answer(float("nan"), False)] * len(requests)
        for batch in batches:
            scored = [one for row in batch.rows for one in row.scored]
            for one, answer in zip(scored, self.answer(batch), strict=True):
                out[one.request] = answer
        return out


def _rope_types(config: Any) -> set[str]:
    """Of a model's rotary embeddings, which may differ by kind of layer; empty where it has none."""
    told = getattr(config, "rope_parameters", None) or {}
    return {str(one["rope_type"]) for one in (told, *told.values()) if isinstance(one, dict) and one.get("rope_type")}


def _trial_tokens(model: PreTrainedModel, count: int) -> tuple[int, ...]:
    """Different tokens spread over the vocabulary."""
    size = int(model.config.vocab_size)
    return tuple((7 + place * 7919) % size for place in range(count))
