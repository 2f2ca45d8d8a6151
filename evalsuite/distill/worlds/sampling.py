"""What a small model answers to many questions at once, and how likely it finds each of a few next symbols.

Prompts of equal length are read together, so nothing is padded. transformers' own `generate` gives the same greedy
answers (a test holds it) and takes several times as long here, most of it outside the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.distill.worlds.world import END

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH = 1024


def write_answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    most_tokens: int,
    temperature: float,
    seed: int = 0,
    stops: Sequence[str] = (END,),
) -> list[str]:
    """An answer to each prompt, up to the first of `stops`; at temperature 0 the likeliest symbol each time.

    An answer that has not ended after `most_tokens` is what there is by then.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    ends = tokenizer.convert_tokens_to_ids(list(stops))
    end, last = ends[0], torch.tensor(ends)
    out = [""] * len(prompts)
    with torch.inference_mode():
        for places, ids in _batches(tokenizer, prompts):
            written: list[torch.Tensor] = []
            live, kept = ids, None
            done = torch.zeros(len(ids), dtype=torch.bool)
            for _ in range(most_tokens):
                told = model(input_ids=live, past_key_values=kept, use_cache=True, logits_to_keep=1)
                kept = told.past_key_values
                logits = told.logits[:, -1].float()
                if temperature == 0:
                    live = logits.argmax(dim=-1, keepdim=True)
                else:
                    live = torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1, generator=generator)
                live = live.masked_fill(done[:, None], end)
                written.append(live)
                done |= torch.isin(live[:, 0], last)
                if bool(done.all()):
                    break
            for place, row in zip(places, torch.cat(written, dim=1).tolist(), strict=True):
                ended = next((index for index, token in enumerate(row) if token in ends), len(row))
                out[place] = tokenizer.decode(row[:ended])
    return out


def next_symbols(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], symbols: Sequence[str]
) -> np.ndarray:
    """The probabilities of `symbols` after each text, shape (texts, symbols), of all the vocabulary's."""
    import torch

    ids_of = [int(tokenizer.convert_tokens_to_ids(symbol)) for symbol in symbols]
    out = np.zeros((len(texts), len(symbols)))
    with torch.inference_mode():
        for places, ids in _batches(tokenizer, texts):
            logits = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1].float()
            out[places] = torch.softmax(logits, dim=-1)[:, ids_of].double().numpy()
    return out


def _batches(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Places and token ids (n, T) of texts of equal length, at most BATCH at a time."""
    import torch

    encoded = tokenizer(list(texts), add_special_tokens=False).input_ids if len(texts) else []
    by_length: dict[int, list[int]] = {}
    for place, ids in enumerate(encoded):
        by_length.setdefault(len(ids), []).append(place)
    for places in by_length.values():
        for start in range(0, len(places), BATCH):
            part = places[start : start + BATCH]
            yield part, torch.tensor([encoded[place] for place in part], dtype=torch.long)
