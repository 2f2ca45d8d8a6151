"""lm-eval's models over an OpenAI-compatible endpoint: its requests and its reading of replies, our wire.

lm-eval's own loop ends a run at the first reply it cannot read. Here each request stands for itself: its answer is kept
when it comes, and what does not come is an error of its item alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lm_eval.models.api_models import JsonChatStr
from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text

from evalsuite.notes import Memory, Noting, OnRequests, Usage, untold
from evalsuite.wire import Ask, Reply, Unreadable, Wire
from sim.shared.manifest import sha256_of_json

TEMPLATE_TOKENS = 64  # that a server's chat template may add to a prompt, at most
MOST_TOKENS = 256  # of an answer whose task sets no limit; lm-eval's own default
EMPTY_BY_FORCE = ("length", "content_filter")
VERSION = 1  # of what is kept of an answer


class _Remote(Noting):
    """What both kinds of endpoint share; stands before one of lm-eval's classes."""

    wire: Wire
    max_length: int
    eos_string: str | None
    tokenizer: Any
    tok_encode: Callable[..., Any]
    cache_hook: Any
    _create_payload: Callable[..., dict[str, Any]]

    def _fetch(
        self, asks: Sequence[Ask], names: Sequence[tuple[str, ...]], read: Callable[[int, Any], Any]
    ) -> list[Any]:
        """Values by request, None where there is none; kept ones are recalled, new ones kept as they come.

        Args:
            asks: the requests.
            names: of each request, the strings by which its sample knows it.
            read: makes a value of the body of request number i.
        """
        out: list[Any] = [None] * len(asks)
        keys = [sha256_of_json([VERSION, self._memory_keys.get(self._task, ""), ask.payload]) for ask in asks]
        usage = self.usage.setdefault(self._task, Usage())
        self.work.requests += len(asks)
        self.work.asked_tokens += sum(ask.most_in for ask in asks)
        new = []
        for place, key in enumerate(keys):
            kept = self._memory.recall([key]) if self._memory else None
            if kept is None:
                new.append(place)
                continue
            out[place] = kept[0]["value"]
            usage.add(kept[0]["tokens_in"], kept[0]["tokens_out"], kept[0]["bytes_in"])
            self.work.recalled_requests += 1
        self._advance(len(asks) - len(new), 0)
        # Equal requests are asked once.
        by_key: dict[str, list[int]] = {}
        for place in new:
            by_key.setdefault(keys[place], []).append(place)
        distinct = [places[0] for places in by_key.values()]

        def on_reply(index: int, reply: Reply) -> None:
            place = distinct[index]
            mine = by_key[keys[place]]
            if reply.error:
                self.notes.failed |= {names[other]: reply.error for other in mine}
            else:
                found = {
                    "value": reply.value,
                    "tokens_in": reply.tokens_in,
                    "tokens_out": reply.tokens_out,
                    "bytes_in": len("".join(names[place]).encode()),
                }
                for other in mine:
                    out[other] = reply.value
                usage.add(found["tokens_in"], found["tokens_out"], found["bytes_in"])
                self.work.computed_tokens += reply.tokens_in
                if self._memory:
                    self._memory.keep({keys[place]: found})
            self._advance(len(mine), reply.tokens_in)

        if new:
            wanted = [asks[place] for place in distinct]
            self.wire.ask(wanted, lambda index, body: read(distinct[index], body), on_reply)
        return out

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
        """See lm-eval; what was not answered is "" and noted."""
        return self._by_task(requests, self._generate)

    def _generate(self, requests: list[Any]) -> list[str]:
        asks, names, stops = [], [], []
        for request in requests:
            prompt, settings = request.args
            settings = dict(normalize_gen_kwargs(settings, MOST_TOKENS))
            most_out = int(settings["max_gen_toks"])
            chat = isinstance(prompt, JsonChatStr)
            text = prompt.prompt if chat else prompt
            names.append((text,))
            if self._too_long(text, most_out):
                self.notes.cut.add((text,))
            messages = json.loads(text) if chat else text
            stops.append([stop for stop in settings["until"] or () if stop])
            eos = self.eos_string if self.tokenizer is not None else None
            payload = self._create_payload(messages, generate=True, gen_kwargs=settings, seed=0, eos=eos)
            turns = len(messages) if chat else 1
            asks.append(Ask(payload, len(text.encode()) + turns * TEMPLATE_TOKENS, most_out))
        found = self._fetch(asks, names, lambda index, body: _written(body, stops[index]))
        texts = ["" if value is None else str(value) for value in found]
        for request, name, text in zip(requests, names, texts, strict=True):
            if name not in self.notes.failed:
                self.cache_hook.add_partial("generate_until", (name[0], request.args[1]), text)
        return texts

    def _too_long(self, text: str, most_out: int) -> bool:
        """Whether a prompt leaves no room for its answer, as far as a tokenizer is known."""
        return self.tokenizer is not None and len(self.tok_encode(text)) + most_out > self.wire.endpoint.context_tokens


class CompletionsLM(_Remote, LocalCompletionsAPI):
    """Log-likelihoods and writing over `/completions`; see `evalsuite.endpoint`."""

    def __init__(
        self,
        wire: Wire,
        tokenizer: str,
        memory: Memory | None = None,
        memory_keys: Mapping[str, str] | None = None,
        on_requests: OnRequests = untold,
    ) -> None:
        """Over a wire; `tokenizer` is a folder, "" for none (then nothing but writing works)."""
        LocalCompletionsAPI.__init__(
            self,
            base_url=wire.endpoint.url,
            model=wire.endpoint.model,
            tokenizer=tokenizer or None,
            tokenizer_backend="huggingface" if tokenizer else None,
            tokenized_requests=bool(tokenizer) and wire.endpoint.sends == "tokens",
            max_length=wire.endpoint.context_tokens,
        )
        self.wire = wire
        self.begin_notes(memory, memory_keys, on_requests)

    def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """See lm-eval; what was not answered is NaN and noted."""
        return self._by_task(requests, lambda mine: LocalCompletionsAPI.loglikelihood(self, mine, disable_tqdm=True))

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
        """See lm-eval."""
        return self._by_task(
            requests, lambda mine: LocalCompletionsAPI.loglikelihood_rolling(self, mine, disable_tqdm=True)
        )

    def _loglikelihood_tokens(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
        asks, names, starts = [], [], []
        for strings, context, ending in requests:
            whole = (list(context) + list(ending))[-self.max_length :]
            if strings is not None and len(whole) < len(context) + len(ending):
                self.notes.cut.add(strings)
            starts.append(len(whole) - len(ending))
            payload = self._create_payload(self.create_message([whole]), generate=False)
            if isinstance(payload["prompt"], list) and len(payload["prompt"]) == 1:
                payload["prompt"] = payload["prompt"][0]
            asks.append(Ask(payload, len(whole), 1))
            names.append(strings or (f"tokens {sha256_of_json(whole)}",))

        def read(index: int, body: dict[str, Any]) -> list[Any]:
            return list(_likelihood(body, asks[index].most_in, starts[index]))

        out = []
        for strings, value in zip(names, self._fetch(asks, names, read), strict=True):
            answer = (math.nan, False) if value is None else (float(value[0]), bool(value[1]))
            out.append(answer)
            if value is not None:
                self.cache_hook.add_partial("loglikelihood", strings, answer)
        return out


class ChatLM(_Remote, LocalChatCompletion):
    """Writing over `/chat/completions`, which tells no log-likelihood of a given text."""

    def __init__(
        self,
        wire: Wire,
        memory: Memory | None = None,
        memory_keys: Mapping[str, str] | None = None,
        on_requests: OnRequests = untold,
    ) -> None:
        """Over a wire."""
        LocalChatCompletion.__init__(
            self, base_url=wire.endpoint.url, model=wire.endpoint.model, max_length=wire.endpoint.context_tokens
        )
        self.wire = wire
        self.begin_notes(memory, memory_keys, on_requests)


def _written(body: dict[str, Any], stops: list[str]) -> str:
    """What a server wrote, up to the first stop. lm-eval's own reading turns an answer that is none into an empty one.

    Raises:
        Unreadable: if there is no text, or none because the limit or a filter came before it.
    """
    try:
        choice = body["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        why = choice.get("finish_reason")
    except (LookupError, TypeError, AttributeError) as error:
        raise Unreadable(f"the reply holds no answer ({type(error).__name__}: {error})") from None
    if not isinstance(text, str):
        raise Unreadable("the reply holds no text; a model that thinks may need more tokens")
    if not text and why in EMPTY_BY_FORCE:
        raise Unreadable(f"the reply is empty, finish_reason {why!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unreadable("the reply holds half of a character") from None
    return str(postprocess_generated_text(text, stop=stops, think_end_token=None))


def _likelihood(body: dict[str, Any], tokens: int, start: int) -> tuple[float, bool]:
    """Log-likelihood of the tokens from `start` on, and whether each was the likeliest; lm-eval's reading, checked.

    Raises:
        Unreadable: if the server did not echo the prompt with its log-probabilities, or cut it into other tokens.
    """
    try:
        choice = body["choices"][0]
        told = choice["logprobs"]
        nats, tops = list(told["token_logprobs"]), list(told["top_logprobs"])
    except (LookupError, TypeError) as error:
        raise Unreadable(
            f"the reply holds no log-probabilities ({type(error).__name__}: {error}); the server must support echo"
        ) from None
    if len(nats) not in (tokens, tokens + 1) or len(tops) != len(nats):
        raise Unreadable(
            f"log-probabilities of {len(nats)} tokens for a prompt of {tokens}: another tokenizer, or no echo"
        )
    # A server that ends at once writes no token of its own; lm-eval leaves the last out as if it always did.
    pad: list[Any] = [None] * (tokens + 1 - len(nats))
    choice = {"index": 0, "logprobs": {"token_logprobs": nats + pad, "top_logprobs": tops + pad}}
    try:
        [(value, greedy)] = LocalCompletionsAPI.parse_logprobs({"choices": [choice]}, ctxlens=[start])
    except (TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"log-probabilities that are no numbers ({error})") from None
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise Unreadable(f"the log-likelihood is {value!r}")
    return float(value), bool(greedy)
