"""Whether a model's own settings of generation leave greedy writing plain, and which tokens end a text.

A model ships a `generation_config` that transformers, and so lm-eval's `hf`, obeys: the tokens that end a text (often
several), and settings that change logits or lengths (a penalty on repetition, a least length, beams). The shared
writing knows the ends alone; where anything else is set, the text is written the stock way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Set by lm-eval in its own call, of sampling alone, or of what is returned: without effect on a greedy text.
WITHOUT_EFFECT = frozenset({
    "max_length", "do_sample", "use_cache", "pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id",
    "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff",
    "output_attentions", "output_hidden_states", "output_scores", "output_logits",
    "transformers_version", "_from_model_config",
})  # fmt: skip
# transformers itself lets go of this one for greedy writing: the window is kept by the ordinary cache.
HYBRID = ("cache_implementation", "hybrid")


def settings_of_writing(model: PreTrainedModel) -> dict[str, object]:
    """The model's own settings, not at their defaults, that may change a greedy text; the ends of a text apart."""
    config = model.generation_config
    if config is None:
        return {}
    defaults = config._get_default_generation_params()
    return {
        name: value
        for name, value in config.to_dict().items()
        if name not in WITHOUT_EFFECT and value is not None and value != defaults.get(name) and (name, value) != HYBRID
    }


def ends_of_text(model: PreTrainedModel) -> frozenset[int]:
    """Tokens after which transformers writes no more of a text; none where the model names none."""
    config = model.generation_config
    found = None if config is None else config.eos_token_id
    if found is None:
        return frozenset()
    return frozenset(map(int, found)) if isinstance(found, (list, tuple)) else frozenset([int(found)])


def writes_plainly(model: PreTrainedModel, eot_token_id: int | None) -> bool:
    """Whether greedy writing that stops at `ends_of_text` gives the text of transformers' own.

    The tokenizer's end must be one of them: lm-eval takes it for a stop sequence, and where transformers writes on
    behind it, how far depends on the texts beside it.
    """
    return eot_token_id in ends_of_text(model) and not settings_of_writing(model)
