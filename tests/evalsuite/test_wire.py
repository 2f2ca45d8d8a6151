"""Requests to a server that misbehaves, over real sockets: what is repeated, what is not, what it may cost."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from serving import Answer, answer, beside_a_loop, completion, serving

pytest.importorskip("aiohttp")
pytest.importorskip("tenacity")

from evalsuite.endpoint import Endpoint, price_of, read_endpoint
from evalsuite.wire import SILENT_REQUESTS, Ask, Reply, Unreadable, Wire
from sim.shared.errors import InputError, InputErrors

KEY = "sk-a-secret-that-must-not-be-told"
GOOD = answer(completion("four", 10, 2))


def endpoint(base_url: str, **more: Any) -> Endpoint:
    settings = {"name": "far", "api": "completions", "base_url": base_url, "model": "m", "timeout_s": 5, "attempts": 3}
    return Endpoint.model_validate(settings | more)


def asked(wire: Wire, count: int = 1, most_in: int = 10, most_out: int = 2) -> list[Reply]:
    out: dict[int, Reply] = {}

    def read(index: int, body: dict[str, Any]) -> str:
        try:
            return str(body["choices"][0]["text"])
        except (LookupError, TypeError) as error:
            raise Unreadable(f"no text: {error}") from None

    asks = [Ask({"model": "m", "prompt": f"question {place}"}, most_in, most_out) for place in range(count)]
    wire.ask(asks, read, out.__setitem__)
    return [out[place] for place in range(count)]


def quick(base_url: str, **more: Any) -> Wire:
    return Wire(endpoint(base_url, **more), pause_s=0.01)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_server_that_recovers_is_asked_again(status: int) -> None:
    with serving(lambda number, *_: GOOD if number else answer({"error": "busy"}, status)) as address:
        [reply] = asked(quick(address))
    assert (reply.value, reply.error, reply.attempts) == ("four", "", 2)
    assert (reply.tokens_in, reply.tokens_out) == (10, 2)


def test_a_server_that_asks_for_patience_gets_it() -> None:
    busy = answer({}, 429, **{"Retry-After": "0.4"})
    started_s = time.monotonic()
    with serving(lambda number, *_: GOOD if number else busy) as address:
        [reply] = asked(quick(address))
    assert reply.value == "four"
    assert time.monotonic() - started_s >= 0.4


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (answer({"error": "overloaded"}, 503), 'HTTP 503: {"error": "overloaded"} (3 attempts)'),
        ((200, {}, b'{"choices": [{"text": "fo', 0.0), "no JSON"),
        ((200, {}, b"<html>sorry</html>", 0.0), "no JSON"),
        ((200, {"Content-Length": "500"}, b'{"choices"', 0.0), "the connection broke"),
        (answer([1, 2]), "no JSON object"),
        (answer({"choices": []}), "no text"),
        (answer({"error": "prompt too long"}, 400), "HTTP 400"),
        (answer({}, 302, Location="http://127.0.0.1:1/elsewhere"), "HTTP 302"),
    ],
    ids=["overloaded", "half a JSON", "garbage", "broken off", "a list", "empty", "refused", "sent elsewhere"],
)
def test_one_bad_reply_is_one_error_with_its_reason_and_the_rest_goes_on(wrong: Answer, words: str) -> None:
    def script(number: int, path: str, payload: dict[str, Any], headers: dict[str, str]) -> Answer:
        return wrong if payload["prompt"] == "question 1" else GOOD

    with serving(script) as address:
        replies = asked(quick(address, concurrent=1), 3)
    assert [reply.value for reply in replies] == ["four", None, "four"]
    assert words in replies[1].error


def test_a_server_that_hangs_costs_its_time_limit_and_no_more() -> None:
    def script(number: int, path: str, payload: dict[str, Any], headers: dict[str, str]) -> Answer:
        return answer(completion("late", 1, 1), wait_s=30) if payload["prompt"] == "question 0" else GOOD

    started_s = time.monotonic()
    with serving(script) as address:
        replies = asked(quick(address, timeout_s=0.3, attempts=2), 4)
    assert "no reply within 0.3 s (2 attempts)" in replies[0].error
    assert [reply.value for reply in replies[1:]] == ["four"] * 3
    assert time.monotonic() - started_s < 10


def test_it_works_beside_a_loop_that_runs_already() -> None:
    async def inside() -> list[Reply]:
        with serving(lambda *_: GOOD) as address:
            return asked(quick(address), 3)

    assert [reply.value for reply in beside_a_loop(inside())] == ["four"] * 3


def test_a_dead_server_is_not_asked_for_ever() -> None:
    with serving(lambda *_: GOOD) as address:
        dead = address  # closed when the block ends: nobody listens there any more
    replies = asked(quick(dead, attempts=2, concurrent=1), SILENT_REQUESTS + 5)
    assert all("no connection" in reply.error for reply in replies[:SILENT_REQUESTS])
    assert all("not asked" in reply.error for reply in replies[SILENT_REQUESTS:])


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_address_ends_the_run_without_telling_the_key(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAR_KEY", KEY)
    seen: list[str] = []

    def script(number: int, path: str, payload: dict[str, Any], headers: dict[str, str]) -> Answer:
        seen.append(headers["Authorization"])
        return answer({"error": f"the key {KEY} is not good"}, status)

    with serving(script) as address, pytest.raises(InputError) as caught:
        asked(quick(address, key_env="FAR_KEY"), 3)
    assert seen[0] == f"Bearer {KEY}"
    assert f"HTTP {status}" in str(caught.value)
    assert KEY not in str(caught.value)


def test_no_error_and_no_picture_of_the_wire_tells_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAR_KEY", KEY)
    for body in (f"you sent {KEY}", f'"{KEY}"', "x" * 140 + KEY):
        for status in (200, 400, 500):
            with serving(lambda *_, body=body, status=status: (status, {}, body.encode(), 0.0)) as address:
                wire = quick(address, key_env="FAR_KEY", attempts=1)
                [reply] = asked(wire)
            assert "***" in reply.error
            assert KEY[:8] not in f"{reply} {wire!r} {wire.endpoint!r}"


def test_a_missing_key_is_told_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAR_KEY", raising=False)
    with pytest.raises(InputError, match="FAR_KEY"):
        Wire(endpoint("http://127.0.0.1:1/v1", key_env="FAR_KEY"))


def test_a_key_that_a_good_reply_repeats_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAR_KEY", KEY)
    with serving(lambda *_: answer(completion(f"you sent {KEY}", 1, 1))) as address:
        [reply] = asked(quick(address, key_env="FAR_KEY"))
    assert reply.value == "you sent ***"


def test_a_key_that_no_header_can_carry_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAR_KEY", "sk-\x07secret")
    with pytest.raises(InputError, match="printable") as caught:
        Wire(endpoint("http://127.0.0.1:1/v1", key_env="FAR_KEY"))
    assert "secret" not in str(caught.value)


def test_a_prompt_that_is_refused_later_is_one_error_and_ends_nothing() -> None:
    def script(number: int, path: str, payload: dict[str, Any], headers: dict[str, str]) -> Answer:
        return answer({"error": "moderated"}, 403) if payload["prompt"] == "question 1" else GOOD

    with serving(script) as address:
        replies = asked(quick(address, concurrent=1), 3)
    assert [reply.value for reply in replies] == ["four", None, "four"]
    assert "HTTP 403" in replies[1].error


def test_as_many_connections_are_open_as_requests_under_way() -> None:
    with serving(lambda *_: answer(completion("four", 1, 1), wait_s=4)) as address:
        replies = asked(quick(address, concurrent=150, timeout_s=7.8, attempts=1), 150)
    assert [reply.error for reply in replies if reply.error] == []


PRICED = {"usd_per_mtok_in": 1e6, "usd_per_mtok_out": 1e6}  # a dollar a token


@pytest.mark.parametrize("concurrent", [1, 8])
def test_a_budget_is_never_passed(concurrent: int) -> None:
    count = [0]

    def script(number: int, path: str, payload: dict[str, Any], headers: dict[str, str]) -> Answer:
        count[0] += 1
        return GOOD  # 12 tokens: 12 USD

    with serving(script) as address:
        wire = quick(address, budget_usd=40.0, concurrent=concurrent, **PRICED)
        replies = asked(wire, 20)
    assert count[0] == 3  # 36 USD; a fourth could have cost 12 more
    assert wire.spent_usd == pytest.approx(36.0)
    assert sum(reply.value == "four" for reply in replies) == 3
    assert all("not asked: the budget of 40 USD" in reply.error for reply in replies if reply.value is None)


def test_replies_that_use_less_than_they_could_leave_room_for_more() -> None:
    with serving(lambda *_: answer(completion("a", 1, 1))) as address:  # 2 USD each, where 12 were possible
        wire = quick(address, budget_usd=40.0, concurrent=4, **PRICED)
        replies = asked(wire, 30)
    answered = sum(reply.value == "a" for reply in replies)
    assert answered == 15  # after fifteen 30 USD are spent, and 12 more could pass 40
    assert wire.spent_usd == pytest.approx(30.0)


def test_a_server_that_counts_more_than_can_be_is_believed_from_then_on() -> None:
    with serving(lambda *_: answer(completion("a", 100, 20))) as address:  # 120 USD, where 12 were possible
        wire = quick(address, budget_usd=300.0, concurrent=1, **PRICED)
        replies = asked(wire, 10)
    assert sum(reply.value == "a" for reply in replies) == 2  # a third could pass 300
    assert wire.spent_usd == pytest.approx(240.0)


def test_refusals_are_free_and_silence_is_paid_for() -> None:
    with serving(lambda *_: answer({}, 500)) as address:
        refused = quick(address, budget_usd=100.0, **PRICED)
        asked(refused)
    assert refused.spent_usd == 0.0
    with serving(lambda *_: answer({}, wait_s=30)) as address:
        silent = quick(address, budget_usd=100.0, timeout_s=0.2, attempts=2, **PRICED)
        asked(silent)
    assert silent.spent_usd == pytest.approx(24.0)  # two attempts, each of which may have been billed


def test_a_budget_holds_over_all_that_a_wire_is_asked() -> None:
    with serving(lambda *_: GOOD) as address:
        wire = quick(address, budget_usd=40.0, **PRICED)
        first, second = asked(wire, 2), asked(wire, 5)
    assert [reply.value for reply in first] == ["four", "four"]
    assert sum(reply.value == "four" for reply in second) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"key": "sk-SECRET"},
        {"base_url": "https://me:SECRET@host/v1"},
        {"base_url": "https://host/v1?api_key=SECRET"},
        {"key_env": "sk-SECRET"},
        {"key_env": "gsk_SECRET"},
        {"key": "sk-SECRET", "budget_usd": 1.0},
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path, change: dict[str, Any]) -> None:
    import yaml

    path = tmp_path / "far.yaml"
    settings = {"name": "far", "api": "completions", "base_url": "http://127.0.0.1:1/v1", "model": "m"} | change
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with pytest.raises((InputError, InputErrors)) as caught:
        read_endpoint(path)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"base_url": "https://me:secret@host/v1"}, "key_env"),
        ({"base_url": "ftp://host"}, "https://host/v1"),
        ({"usd_per_mtok_in": 1.0}, "together"),
        ({"budget_usd": 1.0}, "needs a price"),
        ({"api": "telepathy"}, "completions"),
        ({"key": "sk-123"}, "only name"),
        ({"attempts": 0}, "greater than or equal to 1"),
    ],
)
def test_a_description_that_cannot_be_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    import yaml

    path = tmp_path / "far.yaml"
    settings = {"name": "far", "api": "completions", "base_url": "http://127.0.0.1:1/v1", "model": "m"} | change
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with pytest.raises((InputError, InputErrors), match=words):
        read_endpoint(path)


def test_the_description_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "measuring.md").read_text(encoding="utf-8")
    path = tmp_path / "far.yaml"
    path.write_text(next(block for block in re.findall(r"```yaml\n(.*?)```", page, re.S) if "base_url" in block))
    found = read_endpoint(path)
    assert (found.api, found.budget_usd, found.key_env) == ("completions", 2.0, "MY_KEY")


def test_list_prices_are_the_packages_or_the_descriptions() -> None:
    pytest.importorskip("genai_prices")
    found = price_of(endpoint("http://127.0.0.1:1/v1", price_of="openai/gpt-4o-mini"))
    assert found is not None
    assert (found.usd_in, found.usd_out) == (0.15, 0.6)
    assert found.source.startswith("genai-prices ")
    assert found.usd(2_000_000, 1_000_000) == pytest.approx(0.9)
    with pytest.raises(InputError, match="no-such-model"):
        price_of(endpoint("http://127.0.0.1:1/v1", price_of="openai/no-such-model"))
    assert price_of(endpoint("http://127.0.0.1:1/v1")) is None
