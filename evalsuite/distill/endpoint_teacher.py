"""A teacher behind an OpenAI-compatible endpoint: it writes, and where its server echoes a prompt with
log-probabilities it tells the likeliest tokens of each place. Nothing else can be had of it.

What cannot be known is refused or said. The weights cannot be hashed: what is kept counts for the label `version`, or
for a day. Tokens are those of the tokenizer that the endpoint names, or else the student's own: that the server cuts
text into the same ones is checked on every row that it tells probabilities of, and where only text is taken a different
count is a note. Draws from the tail cannot be asked for, so likely entries stand for the whole distribution, in
proportion (which is biased; `evalsuite.distill.losses`). Defences are the server's own: rounding and noise cannot be
put on from outside.

Each answer is kept when it comes, under all that it depends on, so that a batch that the server died in is not paid
again. Money is counted twice, for two questions: the account prices the tokens of text at the terms' prices (the
endpoint's list price, where the terms name none), the wire's budget counts all that the server bills, prompts included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.distill.access import Access, TopEntries
from evalsuite.distill.recipe import FromScratch, OwnModel, Recipe, TeacherText
from evalsuite.distill.teacher import TeacherLostError, Told, as_prompt, entries_type, no_probabilities
from evalsuite.endpoint import Endpoint, EndpointPrice
from evalsuite.fetch import ensure
from evalsuite.models import LoadedModel, ModelSpec, fingerprints, resolve
from evalsuite.scores import store_path
from evalsuite.spending import remember_spending
from evalsuite.wire import Ask, Reply, Unreadable, Wire
from sim.shared.console import note
from sim.shared.errors import InputError
from sim.shared.manifest import sha256_of_json
from sim.shared.store import Store

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

VERSION = 1  # of what is kept of an answer
TEMPLATE_TOKENS = 64  # that a server's chat template may add to a prompt, at most
COUNTED_APART = 0.05  # share by which counts of written tokens may differ before it is told
TOKEN_ID = "token_id:"  # how some servers name a token by its number


class EndpointTeacher:
    """See `Teacher`."""

    loaded: LoadedModel | None = None

    def __init__(self, spec: ModelSpec, endpoint: Endpoint, recipe: Recipe, pause_s: float = 0.5) -> None:
        """Identify it and load its tokenizer; nothing is asked yet.

        Raises:
            InputError: if the recipe asks what no endpoint gives, no tokenizer is known, or the key is missing.
        """
        self.wire = Wire(endpoint, pause_s)
        self.spec = spec
        self.endpoint = endpoint
        self.access = _terms(endpoint, recipe, self.wire.price)
        name = _tokenizer_name(endpoint, recipe)
        folder = ensure(resolve(name))
        from transformers import AutoTokenizer

        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
        self.identity: dict[str, Any] = {
            "weights": f"not known, endpoint {endpoint.identity}",
            "tokenizer": fingerprints(folder)[1],
        }
        self._by_name: dict[str, int] = {}
        self._told_apart = False

    def write(self, prompts: Sequence[str], settings: TeacherText, seed: int) -> list[list[int]]:
        """See `Teacher`. That equal seeds give equal text is the server's to hold."""
        asks = [self._writing(text, settings, seed + place) for place, text in enumerate(prompts)]
        found = self._fetch(asks, lambda index, body: _text_of(body), "")
        answers = []
        for text, _ in found:
            answers.append([int(token) for token in self.tokenizer(text, add_special_tokens=False).input_ids])
        self._compare(sum(map(len, answers)), sum(counted for _, counted in found))
        return answers

    def tell(self, rows: np.ndarray, noise_scale: float) -> Told:
        """See `Teacher`. A row is sent with one token more, whose place tells what follows the row's last."""
        granted = self.access.granted
        if not isinstance(granted, TopEntries):
            raise no_probabilities()
        asks = []
        for row in rows.tolist():
            payload = {
                "model": self.endpoint.model, "prompt": [*row, row[-1]], "max_tokens": 1, "temperature": 0.0,
                "echo": True, "logprobs": granted.k,
            }  # fmt: skip
            asks.append(Ask(payload, rows.shape[1] + 1, 1))
        mute: list[str] = []

        def read(index: int, body: dict[str, Any]) -> list[Any]:
            try:
                return self._entries(body, asks[index].payload["prompt"], granted.k)
            except Unreadable as error:
                mute.append(str(error))
                raise

        try:
            found = self._fetch(asks, read, "; run it again to go on")
        except TeacherLostError:
            if not mute:
                raise
            raise InputError(
                f"endpoint {self.endpoint.name}", "access.regime", mute[0],
                "log-probabilities of an echoed prompt, in the tokens that were sent",
                "name the server's tokenizer, ask for fewer entries (access.regime.k), or learn from its text alone: "
                "access: {regime: {kind: text}}, method: {kind: outputs}",
            ) from None  # fmt: skip
        records = np.empty(rows.shape, dtype=self.record_type())
        for index, (value, _) in enumerate(found):
            ids, nats = np.array(value[0], dtype=np.int64), np.array(value[1], dtype=np.float64)
            records["ids"][index] = ids
            records["log_probs"][index] = np.where(nats < -1e4, -np.inf, nats).astype(np.float16)
            likely = np.exp(records["log_probs"][index].astype(np.float64)).sum(axis=1)
            records["tail"][index] = np.clip(1.0 - likely, 0.0, 1.0)
        return Told(records)

    def noise_scale(self, rows: np.ndarray) -> float:
        """See `Teacher`."""
        return 0.0

    def record_type(self) -> np.dtype:
        """See `Teacher`."""
        granted = self.access.granted
        if not isinstance(granted, TopEntries):
            raise no_probabilities()
        return entries_type(granted, len(self.tokenizer))

    def _writing(self, text: str, settings: TeacherText, seed: int) -> Ask:
        payload: dict[str, Any] = {
            "model": self.endpoint.model, "max_tokens": settings.answer_tokens, "temperature": settings.temperature,
            "seed": seed,
        }  # fmt: skip
        if self.endpoint.api == "chat":
            payload["messages"] = [{"role": "user", "content": text}]
            return Ask(payload, len(text.encode()) + TEMPLATE_TOKENS, settings.answer_tokens)
        whole = as_prompt(self.tokenizer, text)
        ids = self.tokenizer(whole, add_special_tokens=False).input_ids
        payload["prompt"] = ids if self.endpoint.sends == "tokens" else whole
        most_in = len(ids) if self.endpoint.sends == "tokens" else len(whole.encode())
        return Ask(payload, most_in, settings.answer_tokens)

    def _fetch(
        self, asks: Sequence[Ask], read: Callable[[int, dict[str, Any]], Any], remedy: str
    ) -> list[tuple[Any, int]]:
        """Value and tokens written, by request: recalled where kept, else asked, and kept when they come.

        Raises:
            TeacherLostError: if any is not answered.
        """
        keys = [f"teacher/{sha256_of_json([VERSION, self.identity, ask.payload])}" for ask in asks]
        found: dict[int, tuple[Any, int]] = {}
        failed: list[str] = []
        with Store(store_path()) as store:
            remember_spending(self.wire, store)
            for place, key in enumerate(keys):
                if (kept := store.recall([key])) is not None:
                    found[place] = kept[0]["value"], kept[0]["tokens_out"]
            new = [place for place in range(len(asks)) if place not in found]

            def on_reply(index: int, reply: Reply) -> None:
                if reply.error:
                    failed.append(reply.error)
                    return
                found[new[index]] = reply.value, reply.tokens_out
                store.keep({keys[new[index]]: {"value": reply.value, "tokens_out": reply.tokens_out}})

            if new:
                self.wire.ask([asks[place] for place in new], lambda index, body: read(new[index], body), on_reply)
        if failed:
            raise TeacherLostError(
                f"endpoint {self.endpoint.name} left {len(failed)} of {len(asks)} requests unanswered ({failed[0]}); "
                f"the others are kept and not paid again{remedy}"
            )
        return [found[place] for place in range(len(asks))]

    def _entries(self, body: dict[str, Any], sent: list[int], k: int) -> list[Any]:
        """Ids and nats of the k likeliest tokens after each place but the last, two lists of lists.

        A place whose server named fewer (tokens that share their text are left out) is filled up with entries of no
        weight.

        Raises:
            Unreadable: if the server did not echo, cut the prompt into other tokens, or gives fewer entries everywhere.
        """
        try:
            told = body["choices"][0]["logprobs"]
            names, tops = list(told["tokens"]), list(told["top_logprobs"])
        except (LookupError, TypeError) as error:
            raise Unreadable(f"no log-probabilities of the prompt ({type(error).__name__}: {error})") from None
        if len(tops) not in (len(sent), len(sent) + 1) or len(names) != len(tops):
            raise Unreadable(f"log-probabilities of {len(tops)} tokens for a prompt of {len(sent)}: another tokenizer")
        for name, token in zip(names, sent, strict=False):
            known = self._id_of(str(name))
            if known is not None and known != token:
                raise Unreadable(f"the token {name!r} where {self.tokenizer.decode([token])!r} was sent")
        ids, nats = [], []
        most = 0
        for top in tops[1 : len(sent)]:
            if not isinstance(top, dict):
                raise Unreadable("a place without entries")
            pairs = [(self._id_of(name), value) for name, value in top.items()]
            known_pairs = [(token, float(value)) for token, value in pairs if token is not None and _is_nats(value)]
            best = sorted(known_pairs, key=lambda pair: (-pair[1], pair[0]))[:k]
            if not best:
                raise Unreadable("a place none of whose tokens the tokenizer knows")
            most = max(most, len(top))
            best += [(best[0][0], -1e9)] * (k - len(best))
            ids.append([token for token, _ in best])
            nats.append([value for _, value in best])
        if most < k:
            raise Unreadable(f"at most {most} entries a place, {k} were asked for")
        return [ids, nats]

    def _id_of(self, name: str) -> int | None:
        """The number of a token by what servers call it; None where several share it, or none has it."""
        if name.startswith(TOKEN_ID) and name.removeprefix(TOKEN_ID).isdigit():
            return int(name.removeprefix(TOKEN_ID))
        if not self._by_name:
            self._by_name = _names_of(self.tokenizer)
        return self._by_name.get(name)

    def _compare(self, mine: int, counted: int) -> None:
        """Tell once where the server counts other tokens than the tokenizer that is named."""
        if not self._told_apart and abs(mine - counted) > COUNTED_APART * max(mine, counted, 1):
            self._told_apart = True
            note(
                f"endpoint {self.endpoint.name} counts {counted} written tokens, the tokenizer here {mine}: its own is "
                "another, or it counts what it does not show; doses are counted in tokens of the tokenizer here"
            )


def _names_of(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Numbers of tokens by their text, where no two share it, and by their name in the vocabulary."""
    by_text: dict[str, list[int]] = {}
    for token in range(len(tokenizer)):
        by_text.setdefault(str(tokenizer.decode([token])), []).append(token)
    names = {str(name): int(token) for name, token in tokenizer.get_vocab().items()}
    return names | {text: tokens[0] for text, tokens in by_text.items() if len(tokens) == 1}


def _terms(endpoint: Endpoint, recipe: Recipe, price: EndpointPrice | None) -> Access:
    """The recipe's terms at the endpoint's price, where they name none.

    Raises:
        InputError: if they ask what no endpoint gives.
    """
    access = recipe.terms
    granted = access.granted
    if granted.kind == "full":
        raise InputError(
            "access.regime.kind", "", "full", "text, or topk where the server tells log-probabilities",
            "no endpoint tells the probabilities of all tokens; choose the method topk_kd or outputs",
        )  # fmt: skip
    if isinstance(granted, TopEntries):
        if granted.tail_draws:
            raise InputError(
                "access.regime.tail_draws", "", granted.tail_draws, "0, for a teacher behind an endpoint",
                f"a server draws nothing from the tail: access: {{regime: {{kind: topk, k: {min(granted.k, 5)}, "
                "tail_draws: 0}}",
            )  # fmt: skip
        if endpoint.api == "chat" or endpoint.sends == "text":
            raise InputError(
                f"endpoint {endpoint.name}", "api, sends", f"{endpoint.api}, {endpoint.sends}", "completions, tokens",
                "log-probabilities of a given text need both; or learn from text alone",
            )  # fmt: skip
    if access.decimals is not None or access.noise_nats > 0:
        raise InputError(
            "access.defences", "", "rounding or noise", "no_probabilities and refusal, for an endpoint",
            "a server defends itself; leave these out",
        )  # fmt: skip
    free = access.price_in_usd_per_mtok == access.price_out_usd_per_mtok == 0.0
    if price is not None and free:
        prices = {"price_in_usd_per_mtok": price.usd_in, "price_out_usd_per_mtok": price.usd_out}
        return access.model_copy(update=prices)
    return access


def _tokenizer_name(endpoint: Endpoint, recipe: Recipe) -> str:
    """Whose tokens text is counted in: the endpoint's tokenizer as it is named, else the student's own.

    Raises:
        InputError: if neither is named.
    """
    student = recipe.student
    own = student.name if isinstance(student, OwnModel) else None
    if isinstance(student, FromScratch):
        own = student.tokenizer
    if not (name := endpoint.tokenizer or own):
        raise InputError(
            f"endpoint {endpoint.name}", "tokenizer", "", "a model known here, or a folder",
            "name the tokenizer whose tokens its text is counted in, or start from a model of your own",
        )  # fmt: skip
    return name


def _text_of(body: dict[str, Any]) -> str:
    """What was written.

    Raises:
        Unreadable: if there is no text.
    """
    try:
        choice = body["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
    except (LookupError, TypeError) as error:
        raise Unreadable(f"the reply holds no answer ({type(error).__name__}: {error})") from None
    if not isinstance(text, str):
        raise Unreadable("the reply holds no text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unreadable("the reply holds half of a character") from None
    return text


def _is_nats(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
