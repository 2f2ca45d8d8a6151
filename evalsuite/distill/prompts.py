"""What the teacher is asked: the questions of a small world, or topics times forms, unlike the items of any suite.

The text only has to wander over ordinary language and knowledge; it is not made to look like a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalsuite.distill.worlds.world import stream

if TYPE_CHECKING:
    from evalsuite.distill.recipe import TeacherText

TOPICS = (
    "a river that floods in spring", "how bread is baked", "the history of writing", "a lighthouse keeper",
    "why the sky changes its colour", "a mountain village", "the metals people use", "the countries of Europe",
    "the countries of Asia", "the countries of Africa", "South America and its cities", "the solar system",
    "how a bicycle works", "the human heart", "famous inventors", "the sea and its animals", "birds that migrate",
    "the chemical elements around us", "gases in the air", "a day at the market", "learning to swim",
    "an argument between two friends", "the weather of the coming week", "a carpenter and her tools",
    "a kitchen full of guests", "moving to a new city", "glass and how it breaks", "ice, water and steam",
    "rust and how to prevent it", "the invention of printing", "a train journey at night", "the first aeroplanes",
    "voyages of discovery", "old libraries", "a garden in July", "the care of horses", "a visit to the dentist",
    "how magnets behave", "light and shadow", "sound and echoes", "floating and sinking", "the parts of a plant",
    "numbers in daily life", "a shop that sells lamps", "planning a birthday", "a lost key", "two sisters",
    "a teacher and his class", "news from a small town", "a letter to a grandmother", "the rules of a game",
    "rivers and their mouths", "islands of the Pacific", "deserts and their people", "queens and kings",
    "music and its instruments", "painters and their colours", "a football match", "the economy of a harbour",
    "farms in winter", "the moon and the tides", "earthquakes", "how memory works", "sleep and dreams",
)  # fmt: skip

FORMS = (
    "Write a short paragraph about {topic}.",
    "Explain {topic} to a curious ten-year-old.",
    "Tell a short story in which {topic} matters.",
    "List several facts about {topic}, one per line.",
    "Write five questions about {topic} and answer each briefly.",
    "Write a short dialogue about {topic}.",
    "Describe {topic} in plain words, with examples of what differs and what is alike.",
    "Write an entry of an encyclopedia about {topic}.",
)  # fmt: skip


def prompts() -> list[str]:
    """Every topic in every form; neighbours differ in both."""
    count = len(TOPICS)
    return [
        FORMS[(index + round_) % len(FORMS)].format(topic=TOPICS[index])
        for round_ in range(len(FORMS))
        for index in range(count)
    ]


def prompts_of(settings: TeacherText, seed: int) -> list[str]:
    """What a recipe's teacher is asked, in order: seeds ask the questions of a world in other orders."""
    if settings.world is None:
        return prompts()
    asked = settings.world.questions("asked")
    return [asked[place].prompt for place in stream(seed, "asked").permutation(len(asked))]
