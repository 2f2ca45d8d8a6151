"""What a student cost, by three accounts that are never mixed.

paid       what the teacher's terms ask for the tokens taken
measured   the seconds of teacher and training on this machine, at its dated rent
modelled   the same tokens on a named accelerator: the teacher by the roofline, the training by 6 FLOP a parameter and
           token at an assumed share of the peak
"""

from __future__ import annotations

from dataclasses import dataclass

from evalsuite.cost import read_rent
from evalsuite.distill.account import Taken
from sim.shared.roofline import ACCELERATORS, Serving, Shape, serving_cost_usd_per_mtok
from sim.shared.units import SECONDS_PER_HOUR, TOKENS_PER_MTOK

ACCELERATOR = "H100 SXM 80GB"
SERVING = Serving(batch=64)
TRAINING_EFFICIENCY = 0.4  # assumed; Llama 3 reports 38 to 43 per cent of the bfloat16 peak (arXiv 2407.21783)
FLOP_PER_PARAM_TOKEN = 6.0


@dataclass(frozen=True)
class Bill:
    """USD. `teacher` is what the teacher's work cost whoever runs it, `training` what the student's did.

    What the copier pays is `paid` and the training of one ledger. What the teacher's work cost is None where its
    weights are not here.
    """

    paid_usd: float
    measured_teacher_usd: float | None
    measured_training_usd: float
    measured_hardware: str
    modelled_teacher_usd: float | None
    modelled_training_usd: float
    modelled_hardware: str


def bill(
    taken: Taken, teacher_s: float, training_s: float, teacher: Shape | None, student_params: int, training_tokens: int
) -> Bill:
    """The bill of a student, by all accounts; `teacher` is None where its weights are not here."""
    here = read_rent()
    rent = read_rent(ACCELERATOR)
    device = next(device for device in ACCELERATORS if device.name == ACCELERATOR)
    modelled_teacher_usd = None
    if teacher is not None:
        usd_in, usd_out = serving_cost_usd_per_mtok(teacher, device, SERVING, rent.usd_per_hour)
        modelled_teacher_usd = (taken.read_tokens * usd_in + taken.written_tokens * usd_out) / TOKENS_PER_MTOK
    flop = FLOP_PER_PARAM_TOKEN * student_params * training_tokens
    modelled_s = flop / (device.peak_flops * TRAINING_EFFICIENCY)
    return Bill(
        paid_usd=taken.usd,
        measured_teacher_usd=None if teacher is None else teacher_s / SECONDS_PER_HOUR * here.usd_per_hour,
        measured_training_usd=training_s / SECONDS_PER_HOUR * here.usd_per_hour,
        measured_hardware=here.hardware,
        modelled_teacher_usd=modelled_teacher_usd,
        modelled_training_usd=modelled_s / SECONDS_PER_HOUR * rent.usd_per_hour,
        modelled_hardware=rent.hardware,
    )
