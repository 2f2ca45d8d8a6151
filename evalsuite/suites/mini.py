"""The mini suite: the tasks that fit a model of some 100 million parameters and a minute of two cores.

A task's class says which work of the market it stands for. The standing-in is by mechanism, not by content: chat is
language and knowledge, extract is reading off a field, code is copying and closing brackets, agent is choosing tools and
filling arguments, reason is relations and everyday physics.
"""

from __future__ import annotations

import functools

from evalsuite.suites import language, procedures
from evalsuite.suites.task import Task


@functools.cache
def mini() -> tuple[Task, ...]:
    """The tasks, the same in every process."""
    return (
        language.grammar(),
        language.opposites(),
        language.facts(),
        procedures.extraction(),
        procedures.induction(),
        procedures.brackets(),
        language.analogies(),
        procedures.affordances(),
        procedures.arithmetic(),
        procedures.word_problems(),
        procedures.tool_choice(),
        procedures.arguments(),
    )
