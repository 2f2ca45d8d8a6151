"""A world's tokenizer: one token a symbol, and nothing added on either side.

BEGIN and END are symbols that stand in the text, so lm-eval, TRL and the lab's own loop read the same tokens from the
same text, with special tokens and without. The chat template hands a message on as it is: what takes a prompt as a
conversation reads the same tokens too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalsuite.distill.worlds.world import BEGIN, END, World

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAD, UNKNOWN = "<pad>", "<unknown>"
PLAIN_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def make_tokenizer(world: World) -> PreTrainedTokenizerBase:
    """The tokenizer of a world; a symbol that the world does not know is UNKNOWN."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {symbol: place for place, symbol in enumerate((PAD, UNKNOWN, BEGIN, END, *world.symbols))}
    numbers = any(len(symbol) > 1 for symbol in world.symbols)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[0-9]+|[\s\S]" if numbers else r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        chat_template=PLAIN_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
    )
