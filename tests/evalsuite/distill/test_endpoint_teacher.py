"""A tiny model behind real HTTP as a teacher: text and top entries bought, kept, refused and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from serving import Answer, ModelServer, answer, serving

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from evalsuite.distill.dose_table import cell_of  # noqa: E402
from evalsuite.distill.material import gather, supply_of  # noqa: E402
from evalsuite.distill.recipe import Recipe, read_recipe  # noqa: E402
from evalsuite.distill.student import make_student, read_student  # noqa: E402
from evalsuite.distill.teacher import TeacherLostError  # noqa: E402
from evalsuite.distill.teachers import teacher_of  # noqa: E402
from evalsuite.models import load, models_dir, resolve  # noqa: E402
from sim.shared.errors import InputError, InputErrors  # noqa: E402

KEY = "sk-a-secret-that-must-not-be-told"
SCRATCH = {
    "kind": "scratch", "layers": 1, "hidden_size": 16, "intermediate_size": 24, "heads": 2, "key_value_heads": 1,
}  # fmt: skip


class TopServer(ModelServer):
    """Tells as many entries a place as are asked for, tokens by their text, as OpenAI-compatible servers do."""

    def _complete(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not asked.get("echo"):
            return super()._complete(asked)
        ids = asked["prompt"]
        with torch.inference_mode():
            nats = torch.log_softmax(self.model(torch.tensor([ids])).logits[0].float(), dim=-1)
        tops: list[Any] = [None]
        for place in nats:
            best = place.topk(asked["logprobs"])
            entries = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            tops.append({self.tokenizer.decode([token]): value for token, value in entries})
        names = [self.tokenizer.decode([token]) for token in [*ids, int(nats[-1].argmax())]]
        logprobs = {"tokens": names, "top_logprobs": tops, "token_logprobs": [None] * len(names)}
        usage = {"prompt_tokens": len(ids), "completion_tokens": 1}
        return {"choices": [{"index": 0, "text": "", "logprobs": logprobs}], "usage": usage}


class Dying:
    """Stands before a server and closes for good after so many requests, while `dies`."""

    def __init__(self, inner: ModelServer, after: int) -> None:
        self.inner, self.after, self.dies, self.admitted = inner, after, True, 0

    def __call__(self, number: int, path: str, asked: dict[str, Any], headers: dict[str, str]) -> Answer:
        if self.dies and self.admitted >= self.after:
            return answer({"error": "gone"}, 503)
        self.admitted += 1
        return self.inner(number, path, asked, headers)


@pytest.fixture
def server(recipe_of: Any, tiny_models: tuple[str, str]) -> TopServer:
    loaded = load(resolve(tiny_models[0]), "float32")
    return TopServer(loaded.model, loaded.tokenizer)


@pytest.fixture
def address(server: TopServer) -> Iterator[str]:
    with serving(server) as found:
        yield found


@pytest.fixture
def far(recipe_of: Any, tiny_models: tuple[str, str]) -> Callable[..., Recipe]:
    """Makes a recipe whose teacher is the server at an address; keywords replace the recipe's parts."""

    def make(base_url: str, endpoint: dict[str, Any] | None = None, **changes: Any) -> Recipe:
        teacher = {
            "kind": "endpoint", "name": "far", "api": "completions", "base_url": base_url, "model": "m",
            "version": "1", "attempts": 1, "tokenizer": tiny_models[0],
        }  # fmt: skip
        parts = {"teacher": teacher | (endpoint or {}), "student": SCRATCH, "method": {"kind": "outputs"}}
        made: Recipe = recipe_of(**(parts | changes))
        return made

    return make


def topk(k: int = 8) -> dict[str, Any]:
    return {"access": {"regime": {"kind": "topk", "k": k, "tail_draws": 0}}, "method": {"kind": "topk_kd"}}


def test_a_student_of_an_endpoints_text_and_what_nobody_can_know_is_said(
    address: str, far: Any, server: TopServer
) -> None:
    price = {"usd_per_mtok_in": 100.0, "usd_per_mtok_out": 1000.0}
    made = make_student(far(address, price), "mine", tokens=3200)
    assert made.held_out_nats_per_byte < made.held_out_nats_per_byte_start
    assert made.held_out_kl_nats is None
    assert made.parent == "far"
    assert made.bill is not None
    assert made.taken is not None
    assert made.bill.modelled_teacher_usd is None
    assert made.bill.paid_usd == pytest.approx(made.taken.written_tokens * 1e-3)
    assert "not known" in (models_dir() / "mine" / "README.md").read_text()
    assert read_student("mine") == made
    asked = len(server.requests)
    assert asked == made.taken.queries
    assert make_student(far(address, price), "again", tokens=1600).taken == made.taken
    assert len(server.requests) == asked


def test_top_entries_over_http_are_those_of_the_weights(
    address: str, far: Any, server: TopServer, recipe_of: Any
) -> None:
    material = gather(far(address, **topk()))
    rows = material.training[:2]
    told = material.teacher.tell(rows.numpy(), 0.0).records
    with torch.inference_mode():
        nats = torch.log_softmax(server.model(rows).logits.float(), dim=-1)
    lone = {server.tokenizer.decode([token]): token for token in range(len(server.tokenizer))}
    for row, place in ((0, 0), (1, 5), (1, rows.shape[1] - 1)):
        likely = np.exp(told["log_probs"][row, place].astype(float))
        true = nats[row, place].exp().numpy()
        known = likely > 0
        assert likely[known] == pytest.approx(true[told["ids"][row, place][known]], rel=2e-3)
        assert told["tail"][row, place] == pytest.approx(1.0 - likely.sum(), abs=1e-6)
        named = {lone[server.tokenizer.decode([token])] for token in nats[row, place].topk(8).indices.tolist()}
        assert set(told["ids"][row, place][known].tolist()) <= named
    made = make_student(far(address, **topk()), "mine", tokens=3200)
    assert made.held_out_nats_per_byte < made.held_out_nats_per_byte_start
    assert made.taken is not None
    assert made.taken.read_tokens > 0


def test_a_teacher_that_dies_in_a_batch_is_told_and_what_it_answered_is_not_paid_again(
    far: Any, server: TopServer
) -> None:
    door = Dying(server, 6)
    with serving(door) as address:
        recipe = far(address)
        with pytest.raises(TeacherLostError, match=r"far left 2 of 4 requests.*503.*kept and not paid again"):
            make_student(recipe, "mine")
        assert len(server.requests) == 6
        door.dies = False
        make_student(recipe, "mine")
        written = [str(asked) for asked in server.requests]
        assert len(written) == len(set(written))  # no request was answered twice
        reading = far(address, **topk())
        material = gather(reading)
        server.requests.clear()
        door.after, door.dies = door.admitted + 3, True
        with pytest.raises(TeacherLostError, match="run it again to go on"):
            supply_of(material.teacher, material.training, reading)
        door.dies = False
        supply_of(material.teacher, material.training, reading)
        distinct = len({tuple(row) for row in material.training.tolist()})
        assert len(server.requests) == distinct


def test_the_budget_in_usd_holds_over_runs(address: str, far: Any, server: TopServer) -> None:
    recipe = far(address, {"usd_per_mtok_in": 10.0, "usd_per_mtok_out": 10.0, "budget_usd": 0.008})
    with pytest.raises(TeacherLostError, match=r"the budget of 0\.008 USD"):
        make_student(recipe, "mine")
    asked = len(server.requests)
    assert 0 < asked < 16
    with pytest.raises(TeacherLostError, match="budget"):
        make_student(recipe, "mine")
    assert len(server.requests) == asked


def test_the_account_counts_prices_and_refuses_as_it_does_for_weights_here(address: str, far: Any) -> None:
    made = make_student(far(address, access={"regime": {"kind": "text"}, "queries": 14}), "mine")
    assert made.taken is not None
    assert made.taken.queries == 14


def test_the_key_is_never_told(far: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAR_KEY", KEY)
    seen: list[str] = []

    def unfriendly(number: int, path: str, asked: dict[str, Any], headers: dict[str, str]) -> Answer:
        seen.append(headers["Authorization"])
        return answer({"error": f"no such key {KEY}"}, 401)

    with serving(unfriendly) as address, pytest.raises(InputError) as error:
        make_student(far(address, {"key_env": "FAR_KEY"}), "mine")
    assert seen[0] == f"Bearer {KEY}"
    assert KEY not in str(error.value)
    raw = far("http://127.0.0.1:9/v1").model_dump(mode="json")
    raw["teacher"] |= {"base_url": f"http://user:{KEY}@host/v1", "api_key": KEY}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(InputErrors) as errors:
        read_recipe(str(path))
    assert KEY not in str(errors.value)
    assert "teacher.base_url" in str(errors.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"method": {"kind": "logit_kd"}}, r"access\.regime\.kind.*no endpoint tells the probabilities of all"),
        ({"method": {"kind": "topk_kd"}}, "a server draws nothing from the tail"),
        ({"student": {"kind": "depth", "keep": [0]}}, "its weights are not here"),
        (
            {"access": {"regime": {"kind": "text"}, "defences": [{"kind": "rounding", "decimals": 1}]}},
            "leave these out",
        ),
    ],
)
def test_what_no_endpoint_gives_is_refused(address: str, far: Any, changes: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        make_student(far(address, **changes), "mine")


def test_a_server_without_entries_or_with_other_tokens_is_refused_with_the_remedy(far: Any, server: TopServer) -> None:
    def mute(number: int, path: str, asked: dict[str, Any], headers: dict[str, str]) -> Answer:
        return server(number, path, asked | {"echo": False}, headers)

    with serving(mute) as address, pytest.raises(InputError, match=r"no log-probabilities.*kind: outputs"):
        make_student(far(address, **topk()), "mine")

    class Shifted(TopServer):
        def _complete(self, asked: dict[str, Any]) -> dict[str, Any]:
            if asked.get("echo"):
                asked = asked | {"prompt": [min(token + 1, 90) for token in asked["prompt"]]}
            return super()._complete(asked)

    with (
        serving(Shifted(server.model, server.tokenizer)) as address,
        pytest.raises(InputError, match=r"where .* was sent"),
    ):
        make_student(far(address, {"version": "2"}, **topk()), "mine")

    with serving(server) as address, pytest.raises(InputError, match=r"tokenizer.*or start from a model of your own"):
        teacher_of(far(address, {"tokenizer": ""}))


def test_a_model_of_ones_own_goes_on_from_its_weights_in_its_tokens(address: str, far: Any) -> None:
    recipe = far(address, {"tokenizer": ""}, student={"kind": "model", "name": "pupil"})
    made = make_student(recipe, "mine", tokens=3200)
    assert made.held_out_nats_per_byte < made.held_out_nats_per_byte_start
    cell = cell_of(recipe, 0, 1, None)
    weights = models_dir() / "pupil" / "model.safetensors"
    save_file({name: weight + 0.01 for name, weight in load_file(weights).items()}, weights, metadata={"format": "pt"})
    assert make_student(recipe, "mine", tokens=3200).key != made.key  # other weights under the same name
    assert cell_of(recipe, 0, 1, None) != cell


def test_no_endpoint_is_asked_the_questions_of_a_small_world(address: str, far: Any, server: TopServer) -> None:
    text = {"tokens": 1000, "world": {"kind": "countdown"}}
    with pytest.raises(InputError, match=r"teacher.*whose weights can lie here, for the small world countdown"):
        make_student(far(address, text=text), "mine")
    assert not server.requests


def test_an_endpoint_is_named_by_the_path_of_its_yaml_too(
    address: str, far: Any, recipe_of: Any, tmp_path: Path, tiny_models: tuple[str, str]
) -> None:
    settings = {"name": "far", "api": "completions", "base_url": address, "model": "m", "version": "1"}
    path = tmp_path / "far.yaml"
    path.write_text(yaml.safe_dump(settings | {"tokenizer": tiny_models[0]}))
    recipe = recipe_of(teacher=str(path), student=SCRATCH, method={"kind": "outputs"})
    assert teacher_of(recipe).spec.name == "far"
    assert teacher_of(recipe).identity == teacher_of(far(address)).identity
