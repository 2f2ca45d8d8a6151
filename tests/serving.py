"""Real HTTP servers for tests: one that serves a loaded model as OpenAI-compatible servers do, one that misbehaves.

Nothing of what is tested is replaced: requests go through sockets, tokens through the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Result = TypeVar("Result")
Answer = tuple[int, dict[str, str], bytes, float]
Script = Callable[[int, str, dict[str, Any], dict[str, str]], Answer]


def beside_a_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a loop of a thread of its own, whatever runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@contextlib.contextmanager
def serving(script: Script) -> Iterator[str]:
    """A server on a free port of this machine; yields its address.

    Args:
        script: (number of the request, path, its JSON, its headers) -> (status, headers, body, seconds to wait).
    """
    lock = threading.Lock()
    count = iter(range(10**9))
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                number = next(count)
            status, headers, body, wait_s = script(number, self.path, json.loads(raw), dict(self.headers))
            closing.wait(wait_s)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answer(value: Any, status: int = 200, wait_s: float = 0.0, **headers: str) -> Answer:
    """A JSON reply."""
    return status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode(), wait_s


def completion(text: str, tokens_in: int, tokens_out: int) -> dict[str, Any]:
    """The body of a written completion."""
    usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
    return {"choices": [{"index": 0, "text": text}], "usage": usage}


class ModelServer:
    """A loaded model behind `/completions` (echo with log-probabilities, writing) and `/chat/completions`.

    Attributes:
        requests: the JSON of each request, in order of arrival.
        headers: their headers.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._one_at_a_time = threading.Lock()

    def __call__(self, number: int, path: str, asked: dict[str, Any], headers: dict[str, str]) -> Answer:
        with self._one_at_a_time:
            self.requests.append(asked)
            self.headers.append(headers)
            started_s = time.monotonic()
            found = self._chat(asked) if path.endswith("/chat/completions") else self._complete(asked)
            return answer(found | {"created": started_s, "model": asked["model"]})

    def _complete(self, asked: dict[str, Any]) -> dict[str, Any]:
        prompt = asked["prompt"]
        ids = prompt if isinstance(prompt, list) else self.tokenizer(prompt, add_special_tokens=False).input_ids
        if not asked.get("echo"):
            text, written = self._write(ids, asked["max_tokens"], asked.get("stop") or [])
            return completion(text, len(ids), written)
        import torch

        with torch.inference_mode():
            logits = self.model(torch.tensor([ids])).logits[0].float()
        nats = torch.log_softmax(logits, dim=-1)
        best = nats.argmax(dim=-1).tolist()
        following = [*ids[1:], best[-1]]
        told = [None, *(float(nats[place, token]) for place, token in enumerate(following))]
        tops: list[Any] = [None]
        for place, token in enumerate(following):
            top = {f"token {token}": float(nats[place, token])}
            top[f"token {best[place]}"] = float(nats[place, best[place]])
            tops.append(top)
        logprobs = {"token_logprobs": told, "top_logprobs": tops, "tokens": [str(token) for token in [*ids, best[-1]]]}
        usage = {"prompt_tokens": len(ids), "completion_tokens": 1}
        return {"choices": [{"index": 0, "text": "", "logprobs": logprobs}], "usage": usage}

    def _chat(self, asked: dict[str, Any]) -> dict[str, Any]:
        text = "\n".join(message["content"] for message in asked["messages"])
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        written, count = self._write(ids, asked["max_tokens"], asked.get("stop") or [])
        usage = {"prompt_tokens": len(ids), "completion_tokens": count}
        message = {"role": "assistant", "content": written}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}

    def _write(self, ids: list[int], most: int, stops: list[str]) -> tuple[str, int]:
        import torch

        whole = list(ids)
        for _ in range(most):
            with torch.inference_mode():
                token = int(self.model(torch.tensor([whole])).logits[0, -1].argmax())
            if token == self.tokenizer.eos_token_id:
                break
            whole.append(token)
            text = self.tokenizer.decode(whole[len(ids) :])
            cuts = [text.index(stop) for stop in stops if stop and stop in text]
            if cuts:
                return text[: min(cuts)], len(whole) - len(ids)
        return self.tokenizer.decode(whole[len(ids) :]), len(whole) - len(ids)
