"""What a teacher told: exact, bought once, checked when it is read back, and removed whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from evalsuite.distill import outputs as module  # noqa: E402
from evalsuite.distill.access import Access  # noqa: E402
from evalsuite.distill.outputs import buy, kept_folders, missing_rows, remove  # noqa: E402
from evalsuite.distill.supply import full_supply, sparse_supply  # noqa: E402
from evalsuite.distill.teacher import LocalTeacher, TeacherLostError  # noqa: E402
from sim.shared.errors import InputError  # noqa: E402


def terms(kind: str = "full", defences: tuple[Any, ...] = (), **regime: Any) -> Access:
    return Access.model_validate({"regime": {"kind": kind, **regime}, "defences": list(defences)})


class Counting(LocalTeacher):
    """Counts the rows that it reads, and dies where it is told to."""

    asked = 0
    dies_after: int | None = None

    def tell(self, rows: np.ndarray, noise_scale: float) -> Any:
        if self.dies_after is not None and self.asked >= self.dies_after:
            raise TeacherLostError("no answer")
        self.asked += len(rows)
        return super().tell(rows, noise_scale)


def given(supply: Any, rows: Any) -> torch.Tensor:
    """Log-probabilities of full targets of all rows."""
    targets = supply(np.arange(len(rows)))
    return torch.log_softmax(targets.hidden @ targets.head.T, -1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_head_rebuilds_the_probabilities_exactly(loaded: Any, rows: Any, dtype: torch.dtype) -> None:
    from dataclasses import replace

    model = loaded.model.to(dtype)
    teacher = LocalTeacher(replace(loaded, dtype=str(dtype).removeprefix("torch.")), terms())
    kept = buy(teacher, rows, 4)
    with torch.inference_mode():
        parts = [model.model(input_ids=rows[i : i + 4]).last_hidden_state for i in (0, 4, 8)]
        wanted = torch.log_softmax(torch.cat(parts).flatten(0, 1) @ model.lm_head.weight.T, -1)
    assert torch.equal(given(full_supply(kept, model.lm_head.weight.detach(), None), rows), wanted)
    size = (kept.folder / "records.bin").stat().st_size
    assert size == rows.numel() * 32 * (2 if dtype == torch.bfloat16 else 4)


def test_rows_are_bought_once_and_more_rows_cost_only_what_is_new(loaded: Any, rows: Any) -> None:
    teacher = Counting(loaded, terms())
    first = buy(teacher, rows[:6], 4)
    assert teacher.asked == 6
    assert missing_rows(teacher, rows) == 6
    again = buy(teacher, rows, 4)
    assert teacher.asked == 12
    assert missing_rows(teacher, rows) == 0
    chosen = np.array([5, 0])
    assert np.array_equal(first.records(chosen), again.records(chosen))
    assert again.seconds > first.seconds > 0
    buy(Counting(loaded, terms("topk", k=4)), rows, 4)
    assert len(kept_folders()) == 2


def test_a_teacher_that_dies_leaves_what_it_told(loaded: Any, rows: Any) -> None:
    teacher = Counting(loaded, terms())
    teacher.dies_after = 8
    with pytest.raises(TeacherLostError):
        buy(teacher, rows, 4)
    teacher.dies_after = None
    buy(teacher, rows, 4)
    assert teacher.asked == 12


def test_a_torn_write_and_a_damaged_row_are_bought_again(loaded: Any, rows: Any, capsys: Any) -> None:
    teacher = Counting(loaded, terms())
    kept = buy(teacher, rows, 4)
    whole = kept.records(np.arange(12)).copy()
    records, index = kept.folder / "records.bin", kept.folder / "index.txt"
    lines = index.read_text().splitlines(keepends=True)
    index.write_text("".join(lines[:-1]) + lines[-1][:40])  # killed while it wrote the last line
    content = bytearray(records.read_bytes())
    content[5] ^= 1  # in the first row
    records.write_bytes(content[:-7])  # and the last row torn
    again = buy(teacher, rows, 4)
    assert teacher.asked == 12 + 2
    assert "1 rows do not fit their checksum" in capsys.readouterr().err
    assert np.allclose(again.records(np.arange(12))["hidden"], whole["hidden"], atol=1e-5)
    assert missing_rows(teacher, rows) == 0


def test_top_entries_are_the_teachers_and_the_same_whatever_else_is_read(loaded: Any, rows: Any) -> None:
    teacher = LocalTeacher(loaded, terms("topk", k=8, tail_draws=4))
    record_bytes = teacher.record_type().itemsize
    assert record_bytes == 2 * 12 + 2 * 8 + 4
    kept = buy(teacher, rows, 4)
    alone = teacher.tell(rows[7:8].numpy(), 0.0).records
    assert np.array_equal(kept.records(np.array([7]))["ids"], alone["ids"])
    with torch.inference_mode():
        p = torch.softmax(loaded.model(rows[7:8]).logits[0], -1)
    found = kept.records(np.array([7]))[0]
    assert np.allclose(np.exp(found["log_probs"].astype(float)), p.topk(8).values.numpy(), rtol=2e-3)
    assert np.allclose(found["tail"], 1 - p.topk(8).values.sum(-1).numpy(), atol=2e-3)
    targets = sparse_supply(kept, renormalised=False)(np.array([7]))
    assert targets.ids.shape == (16, 12)


def test_noise_lies_as_far_from_the_truth_as_the_terms_say_and_is_calibrated_once(loaded: Any, rows: Any) -> None:
    head = loaded.model.lm_head.weight.detach()
    true = given(full_supply(buy(LocalTeacher(loaded, terms()), rows, 4), head, None), rows)
    noisy = LocalTeacher(loaded, terms(defences=({"kind": "noise", "nats": 0.3},)))
    kept = buy(noisy, rows, 4)
    blurred = given(full_supply(kept, head, None), rows)
    distance = float((true.exp() * (true - blurred)).sum(-1).mean())
    assert distance == pytest.approx(0.3, rel=0.3)
    meta = module.read_meta(kept.folder)
    assert meta is not None
    assert meta.noise_scale > 0


def test_a_teacher_of_text_tells_no_probabilities(loaded: Any, rows: Any) -> None:
    with pytest.raises(InputError, match="a regime that gives probabilities"):
        buy(LocalTeacher(loaded, terms(defences=({"kind": "no_probabilities"},))), rows, 4)


def test_more_entries_than_tokens_are_refused(loaded: Any, rows: Any) -> None:
    with pytest.raises(InputError, match=r"access\.regime\.k"):
        buy(LocalTeacher(loaded, terms("topk", k=64)), rows, 4)


def test_removal_frees_the_folder_and_nothing_else(loaded: Any, rows: Any, tmp_path: Any) -> None:
    kept = buy(LocalTeacher(loaded, terms()), rows, 4)
    mine = tmp_path / "mine"
    mine.mkdir()
    with pytest.raises(InputError, match="no kept outputs"):
        remove(mine)
    with module.locked(kept.folder), pytest.raises(InputError, match="in use"):
        remove(kept.folder)
    assert remove(kept.folder) > rows.numel() * 128
    assert kept_folders() == []
    assert list(module.outputs_dir().iterdir()) == []


def test_a_full_disk_is_one_message(loaded: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(InputError, match="what was bought is kept"):
        buy(LocalTeacher(loaded, terms()), rows, 4)
