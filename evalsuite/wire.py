"""JSON requests to an OpenAI-compatible server: repeated where that helps, bounded in time and money, never with a key
in a message.

Asked again, after a growing pause (Retry-After is respected, up to ten minutes): 408, 429, 5xx, a broken connection, a
reply that is late or no JSON. Not asked again: any other refusal. 401, 403 and 404 end the run while nothing has been
answered, since every other request would meet them too; later they are one prompt's. When no reply came for many
requests in a row, the rest is not asked.
"""

from __future__ import annotations

import asyncio
import functools
import json
import random
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalsuite.endpoint import Endpoint, EndpointPrice, price_of
from evalsuite.purse import BudgetReached, Purse
from sim.shared.errors import InputError, MissingExtra

if TYPE_CHECKING:
    import aiohttp

LARGEST_REPLY_BYTES = 64 * 2**20
LONGEST_PAUSE_S = 60.0
LONGEST_ASKED_PAUSE_S = 600.0
JITTER = 0.25  # of a pause, at random, so that requests that failed together do not come back together
SILENT_REQUESTS = 10  # in a row, after which a server is taken for dead
AGAIN = frozenset({408, 409, 425, 429, *range(500, 600)})
FATAL = frozenset({401, 403, 404})
SHOWN = 160  # characters of a server's own words in a message


@dataclass(frozen=True)
class Ask:
    """One request.

    Attributes:
        payload: its JSON.
        most_in: tokens that it can hold at most.
        most_out: tokens that its reply can hold at most.
    """

    payload: dict[str, Any]
    most_in: int
    most_out: int


@dataclass(frozen=True)
class Reply:
    """The answer to one request, or why there is none.

    Attributes:
        value: what `read` made of the body; None where `error` is set.
        error: why there is no answer, or "".
        tokens_in, tokens_out: that the server counted; the most possible where it told none.
        attempts: how often it was asked.
    """

    value: Any
    error: str
    tokens_in: int
    tokens_out: int
    attempts: int


class Unreadable(ValueError):
    """A reply is JSON, but not an answer to what was asked; the message says what is wrong with it."""


class _Failed(Exception):
    """An attempt without an answer; `billed` where the server may have charged for it."""

    def __init__(self, reason: str, billed: bool = False) -> None:
        super().__init__(reason)
        self.billed = billed


class _Again(_Failed):
    """Another attempt may fare better; `silent` where no word came from the server."""

    def __init__(self, reason: str, billed: bool = False, pause_s: float = 0.0, silent: bool = False) -> None:
        super().__init__(reason, billed)
        self.pause_s, self.silent = pause_s, silent


class _Refused(_Failed):
    """Another attempt would meet the same."""


class Wire:
    """Requests to one endpoint.

    Args:
        endpoint: where to, with limits.
        pause_s: the first pause between two attempts; it doubles.

    Attributes:
        spent_usd: that count against the budget; set it to what was spent before.
        on_spent: called with all that is or may be spent, before each request is sent and when it has ended.
    """

    def __init__(self, endpoint: Endpoint, pause_s: float = 0.5) -> None:
        self.endpoint = endpoint
        self.price: EndpointPrice | None = price_of(endpoint)
        self.spent_usd = 0.0
        self.on_spent: Callable[[float], None] = lambda usd: None
        self._key = endpoint.key()
        self._pause_s = pause_s
        self._silent = 0
        self._answered = False

    def __repr__(self) -> str:
        return f"Wire({self.endpoint.name})"

    def ask(
        self, asks: Sequence[Ask], read: Callable[[int, dict[str, Any]], Any], on_reply: Callable[[int, Reply], None]
    ) -> None:
        """Send requests, several at once, and hand over each reply when it is there.

        Args:
            asks: the requests.
            read: makes an answer of the body of request number i; raises `Unreadable` where it is none.
            on_reply: called with a request's number and its reply, in the order of arrival.

        Raises:
            InputError: if the server refuses the key or knows no such address or model.
            MissingExtra: if aiohttp or tenacity is not installed.
        """
        try:
            import aiohttp
            import tenacity  # noqa: F401
        except ImportError as error:
            raise MissingExtra(error.name or "aiohttp", "measure") from error
        _finish(self._ask(aiohttp, asks, read, on_reply))

    async def _ask(
        self,
        http: Any,
        asks: Sequence[Ask],
        read: Callable[[int, dict[str, Any]], Any],
        on_reply: Callable[[int, Reply], None],
    ) -> None:
        purse = Purse(self.endpoint.budget_usd, self.spent_usd, self.on_spent)
        timeout = http.ClientTimeout(total=self.endpoint.timeout_s)
        waiting = iter(enumerate(asks))

        async def work(session: aiohttp.ClientSession) -> None:
            for index, one in waiting:
                on_reply(index, await self._reply(session, purse, one, functools.partial(read, index)))

        try:
            async with (
                http.ClientSession(
                    timeout=timeout,
                    headers=self._headers(),
                    connector=http.TCPConnector(limit=self.endpoint.concurrent),
                ) as session,
                asyncio.TaskGroup() as tasks,
            ):
                for _ in range(min(self.endpoint.concurrent, len(asks))):
                    tasks.create_task(work(session))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self.spent_usd = purse.spent_usd

    async def _reply(
        self, session: aiohttp.ClientSession, purse: Purse, ask: Ask, read: Callable[[dict[str, Any]], Any]
    ) -> Reply:
        """An answer after as many attempts as are allowed, or the last attempt's reason."""
        import tenacity

        attempts = 0
        try:
            async for attempt in tenacity.AsyncRetrying(
                stop=tenacity.stop_after_attempt(self.endpoint.attempts),
                wait=self._pause,
                retry=tenacity.retry_if_exception_type(_Again),
                reraise=True,
            ):
                with attempt:
                    if self._silent >= SILENT_REQUESTS:
                        raise _Refused(f"not asked: no reply came to {SILENT_REQUESTS} requests in a row")
                    attempts = attempt.retry_state.attempt_number
                    return await self._attempt(session, purse, ask, read, attempts)
        except BudgetReached as reached:
            return Reply(None, f"not asked: {reached}", 0, 0, attempts)
        except _Refused as refused:
            return Reply(None, str(refused), 0, 0, attempts)
        except _Again as last:
            self._silent = self._silent + 1 if last.silent else 0
            return Reply(None, f"{last} ({attempts} attempts)", 0, 0, attempts)
        raise AssertionError("an attempt ends with a reply or an exception")

    async def _attempt(
        self,
        session: aiohttp.ClientSession,
        purse: Purse,
        ask: Ask,
        read: Callable[[dict[str, Any]], Any],
        attempts: int,
    ) -> Reply:
        most_usd = self._usd(ask.most_in, ask.most_out)
        reserved_usd = await purse.reserve(most_usd)
        used_usd = most_usd  # of a reply that never came whole
        try:
            body = await self._body(session, ask.payload)
            tokens_in, tokens_out = _usage(body, ask)
            used_usd = self._usd(tokens_in, tokens_out)
            value = read(body)
        except Unreadable as error:
            raise _Refused(self._clean(str(error)), billed=True) from None
        except (_Failed, InputError) as failed:
            if not getattr(failed, "billed", False):
                used_usd = 0.0
            raise
        finally:
            await purse.settle(reserved_usd, used_usd)
        self._silent, self._answered = 0, True
        return Reply(value, "", tokens_in, tokens_out, attempts)

    def _usd(self, tokens_in: int, tokens_out: int) -> float:
        return self.price.usd(tokens_in, tokens_out) if self.price else 0.0

    async def _body(self, session: aiohttp.ClientSession, payload: dict[str, Any]) -> dict[str, Any]:
        import aiohttp

        try:
            async with session.post(self.endpoint.url, json=payload, allow_redirects=False) as response:
                text = await _text(response)
                if response.status != 200:
                    self._refuse(response.status, text, _retry_after(response.headers.get("Retry-After", "")))
        except TimeoutError:
            raise _Again(f"no reply within {self.endpoint.timeout_s:g} s", billed=True, silent=True) from None
        except aiohttp.ClientConnectorError as error:
            raise _Again(self._clean(f"no connection: {error.strerror or type(error).__name__}"), silent=True) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise _Again(f"the connection broke: {type(error).__name__}", billed=True) from None
        text = self._clean(text)
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise _Again(f"the reply is no JSON: {self._words(text)}", billed=True) from None
        if not isinstance(body, dict):
            raise _Again(f"the reply is no JSON object: {self._words(text)}", billed=True)
        return body

    def _refuse(self, status: int, text: str, pause_s: float) -> None:
        said = self._words(text)
        reason = f"HTTP {status}: {said}" if said else f"HTTP {status}"
        if status in FATAL and not self._answered:
            raise InputError(
                f"endpoint {self.endpoint.name}",
                self.endpoint.url,
                reason,
                "an address, a model and a key that it takes",
                "correct base_url, model or the variable that key_env names; what was answered before is kept",
            )
        if status in AGAIN:
            raise _Again(reason, pause_s=pause_s)
        raise _Refused(reason)

    def _pause(self, state: Any) -> float:
        """Seconds to the next attempt: doubling, or what the server asks for."""
        failed = state.outcome.exception()
        grown_s = min(self._pause_s * 2 ** (state.attempt_number - 1), LONGEST_PAUSE_S)
        asked_s = min(getattr(failed, "pause_s", 0.0), LONGEST_ASKED_PAUSE_S)
        return max(grown_s, asked_s) * (1.0 + JITTER * random.random())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _clean(self, text: str) -> str:
        """A server's words without the key, should it say it, as it is or as JSON writes it."""
        if not self._key:
            return text
        return text.replace(self._key, "***").replace(json.dumps(self._key)[1:-1], "***")

    def _words(self, text: str) -> str:
        """The beginning of a reply in one line. Cleaned before it is cut, else half a key could stay."""
        return " ".join(self._clean(text).split())[:SHOWN]


def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end; beside a loop that runs already (a notebook's) in a thread, while this one waits."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


async def _text(response: aiohttp.ClientResponse) -> str:
    whole = bytearray()
    async for part in response.content.iter_chunked(2**16):
        whole += part
        if len(whole) > LARGEST_REPLY_BYTES:
            raise _Refused(f"the reply is longer than {LARGEST_REPLY_BYTES} bytes")
    return whole.decode("utf-8", errors="replace")


def _retry_after(value: str) -> float:
    """Seconds that a server asks to wait; a date, which is rare, is left to the growing pause."""
    try:
        return max(float(value), 0.0)
    except ValueError:
        return 0.0


def _usage(body: dict[str, Any], ask: Ask) -> tuple[int, int]:
    """Tokens read and written as the server counts them, or the most that there can have been."""
    told = body.get("usage")
    counts = told if isinstance(told, dict) else {}
    found = []
    for name, most in (("prompt_tokens", ask.most_in), ("completion_tokens", ask.most_out)):
        count = counts.get(name)
        found.append(count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else most)
    return found[0], found[1]
