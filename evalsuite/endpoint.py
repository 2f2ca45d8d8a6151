"""A model behind an OpenAI-compatible endpoint, described by a few lines of YAML. It never holds a key.

name: my-student                     # in the tables
api: completions                     # completions (log-likelihoods and writing) or chat (writing alone)
base_url: http://127.0.0.1:8000/v1
model: student-7b                    # what the server calls it
tokenizer: smollm2-135m-instruct     # a model known here, or a folder: for log-likelihoods
key_env: MY_KEY                      # the environment variable that holds the key, where one is needed
usd_per_mtok_in: 0.1                 # list price; or price_of: openai/gpt-4o-mini, looked up in genai-prices
usd_per_mtok_out: 0.4
budget_usd: 2.0                      # no request is sent that could pass it
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sim.shared.errors import InputError, MissingExtra
from sim.shared.manifest import sha256_of_json
from sim.shared.units import TOKENS_PER_MTOK
from sim.shared.yaml import read_described

Usd = Annotated[float, Field(ge=0)]
SAMPLE_TOKENS = 1000


class Endpoint(BaseModel):
    """What the YAML says.

    Attributes:
        sends: how a prompt is sent for log-likelihoods: as the tokenizer's numbers, or as text.
        version: a label of the weights behind the server's name. Answers that are kept count for this label alone;
            without one they count for a day, because a name may come to mean other weights.
        timeout_s: for one reply as a whole.
        attempts: of one request; pauses between them grow, and respect Retry-After.
        concurrent: requests under way at once.
        context_tokens: that the server reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    api: Literal["completions", "chat"]
    base_url: str
    model: Annotated[str, Field(min_length=1, max_length=200)]
    role: Literal["teacher", "student"] = "teacher"
    parent: str = ""
    licence: str = "unknown"
    version: str = ""
    tokenizer: str = ""
    sends: Literal["tokens", "text"] = "tokens"
    # Capitals alone: a key written here by mistake is then no name, and is refused without being repeated.
    key_env: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    usd_per_mtok_in: Usd | None = None
    usd_per_mtok_out: Usd | None = None
    price_date: datetime.date | None = None
    price_source: str = ""
    price_of: Annotated[str, Field(pattern=r"^[^/\s]+/\S+$")] | None = None
    budget_usd: Annotated[float, Field(gt=0)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    concurrent: Annotated[int, Field(ge=1, le=256)] = 4
    context_tokens: Annotated[int, Field(ge=16)] = 2048

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address such as https://host/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "an address without user, password or query; a key belongs into the variable key_env names"
            )
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_price(self) -> Endpoint:
        if (self.usd_per_mtok_in is None) != (self.usd_per_mtok_out is None):
            raise ValueError("usd_per_mtok_in and usd_per_mtok_out together, or neither")
        if self.price_of and self.usd_per_mtok_in is not None:
            raise ValueError("price_of, or usd_per_mtok_in and usd_per_mtok_out; not both")
        if self.budget_usd is not None and not self.price_of and self.usd_per_mtok_in is None:
            raise ValueError("a budget needs a price: price_of, or usd_per_mtok_in and usd_per_mtok_out")
        return self

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"{self.base_url}/{'chat/completions' if self.api == 'chat' else 'completions'}"

    @property
    def identity(self) -> str:
        """Hash of what answers depend on: server, model and label, or the day where no label is given."""
        label = self.version or datetime.datetime.now(datetime.UTC).date().isoformat()
        return sha256_of_json(
            [self.api, self.base_url, self.model, label, self.tokenizer, self.sends, self.context_tokens]
        )

    def key(self) -> str:
        """The key, from the environment; "" where none is needed.

        Raises:
            InputError: if the variable is empty, or holds what no header can carry.
        """
        if self.key_env is None:
            return ""
        found = os.environ.get(self.key_env, "").strip()
        if not found:
            raise InputError(
                f"endpoint {self.name}", "key_env", self.key_env, "a variable of the environment that holds the key",
                f"set it: export {self.key_env}=...",
            )  # fmt: skip
        if not found.isascii() or not found.isprintable():
            raise InputError(
                f"endpoint {self.name}", "key_env", self.key_env, "a key of printable ASCII", "set the variable again"
            )
        return found


@dataclass(frozen=True)
class EndpointPrice:
    """A list price: USD per million tokens read and written, its date, and where it stands.

    Attributes:
        cited: whether it stands somewhere, and was not only typed.
    """

    usd_in: float
    usd_out: float
    date: str
    source: str
    cited: bool

    def usd(self, tokens_in: int, tokens_out: int) -> float:
        """USD of that many tokens."""
        return (tokens_in * self.usd_in + tokens_out * self.usd_out) / TOKENS_PER_MTOK


def read_endpoint(path: Path) -> Endpoint:
    """The endpoint that a YAML describes.

    Raises:
        InputError, InputErrors: for a file that cannot be read, or fields that are wrong, all at once.
    """
    return read_described(Endpoint, path, frozenset({"base_url", "key_env"}))


def price_of(endpoint: Endpoint) -> EndpointPrice | None:
    """The list price of a model's tokens: the description's, or that of genai-prices; None where neither tells one.

    Raises:
        InputError: if genai-prices does not know the model.
        MissingExtra: if it is needed and not installed.
    """
    if endpoint.usd_per_mtok_in is not None and endpoint.usd_per_mtok_out is not None:
        date = endpoint.price_date.isoformat() if endpoint.price_date else ""
        source = endpoint.price_source or "the endpoint's description"
        cited = bool(endpoint.price_source and date)
        return EndpointPrice(endpoint.usd_per_mtok_in, endpoint.usd_per_mtok_out, date, source, cited)
    if endpoint.price_of is None:
        return None
    try:
        import genai_prices
    except ImportError as error:
        raise MissingExtra("genai_prices", "measure") from error
    from importlib.metadata import version

    provider, _, model = endpoint.price_of.partition("/")
    # A thousand tokens: where long prompts cost more, this is the price of the usual ones.
    asked = genai_prices.Usage(input_tokens=SAMPLE_TOKENS, output_tokens=SAMPLE_TOKENS)
    today = datetime.datetime.now(datetime.UTC).replace(minute=30, second=0, microsecond=0)
    try:
        # Some prices hang on the hour; the dearest counts, whenever a run begins.
        hours = [
            genai_prices.calc_price(
                asked, model_ref=model, provider_id=provider, genai_request_timestamp=today.replace(hour=hour)
            )
            for hour in range(24)
        ]
    except LookupError as error:
        raise InputError(
            f"endpoint {endpoint.name}", "price_of", endpoint.price_of, "provider/model as genai-prices spells it",
            f"correct it, or give usd_per_mtok_in and usd_per_mtok_out ({error})",
        ) from error  # fmt: skip
    scale = TOKENS_PER_MTOK / SAMPLE_TOKENS
    return EndpointPrice(
        usd_in=float(max(found.input_price for found in hours)) * scale,
        usd_out=float(max(found.output_price for found in hours)) * scale,
        date=today.date().isoformat(),
        source=f"genai-prices {version('genai-prices')}",
        cited=True,
    )
