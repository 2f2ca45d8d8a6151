"""Tasks of language and knowledge, which stand for chat: grammar, opposites, facts; and analogies, for reasoning."""

from __future__ import annotations

from evalsuite.suites import words, world
from evalsuite.suites.task import Draws, Item, Task, choice_item, other_answers

PREPOSITIONS = ("near", "behind", "beside", "next to", "in front of")
OPENERS = ("Look at", "We talked about", "Nobody wanted", "She pointed at", "They forgot")
ANALOGY_OPPOSITES = 45
# Words of different fields that are opposites too: never each other's wrong answer.
ALSO_OPPOSITE = frozenset([("sharp", "dull"), ("hard", "tender"), ("rigid", "loose"), ("stiff", "flexible")])


def grammar() -> Task:
    """Minimal pairs: agreement across a noun of the other number, determiners, participles, modal verbs."""
    draws = Draws("mini/grammar")
    nouns = draws.shuffled([tuple(entry.split("/")) for entry in words.COUNT_NOUNS.split()])
    heads, counted = nouns[:120], nouns[120:]
    items = []
    for place, (one, many) in enumerate(heads):
        plural = place % 2 == 0
        other = draws.pick([noun for noun in heads if noun[0] != one])
        context = f"The {many if plural else one} {draws.pick(PREPOSITIONS)} the {other[0] if plural else other[1]}"
        right, wrong = (" are", " is") if plural else (" is", " are")
        items.append(choice_item(draws, f"agreement-{one}", one, context, right, wrong))
    for place, (one, many) in enumerate(counted):
        plural = place % 2 == 0
        context = f"{draws.pick(OPENERS)} {'these' if plural else 'this'}"
        right, wrong = (many, one) if plural else (one, many)
        items.append(choice_item(draws, f"determiner-{one}", one, context, f" {right}", f" {wrong}"))
    for entry in words.IRREGULAR_VERBS.split():
        base, past, participle = entry.split("/")
        if past != participle and base != participle:
            context = f"{draws.pick(('She', 'He'))} has never"
            items.append(choice_item(draws, f"participle-{base}", base, context, f" {participle}", f" {past}"))
    for base in [first for field in words.pairs(words.VERBS) for first, _ in field][:45]:
        context = f"{draws.pick(('She', 'He'))} {draws.pick(('cannot', 'must not', 'did not'))}"
        items.append(choice_item(draws, f"modal-{base}", base, context, f" {base}", f" {third_person(base)}"))
    return Task(
        name="grammar",
        task_class="chat",
        kind="choice",
        chance=0.5,
        floor=False,
        measures="well-formed English: minimal pairs of agreement, determiners, participles and modal verbs",
        cluster_is="the noun or verb that decides",
        items=tuple(items),
    )


def third_person(base: str) -> str:
    """The form after "she": open, opens; teach, teaches; deny, denies."""
    if base.endswith(("s", "sh", "ch", "x", "o")):
        return base + "es"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + "s"


def opposites() -> Task:
    """The opposite of a word against a word of the same kind from another field of meaning."""
    draws = Draws("mini/opposites")
    items: list[Item] = []
    tables = {"adjective": words.ADJECTIVES, "verb": words.VERBS, "noun": words.NOUNS, "adverb": words.ADVERBS}
    for kind, table in tables.items():
        facts = [(a, b, field) for field, entries in enumerate(words.pairs(table)) for a, b in entries]
        allowed = [
            [i for i, other in enumerate(facts) if other[2] != field and (word, other[1]) not in ALSO_OPPOSITE]
            for word, _, field in facts
        ]
        wrongs = other_answers(draws, [b for _, b, _ in facts], allowed)
        for (word, right, _), wrong in zip(facts, wrongs, strict=True):
            context = f"The opposite of {word} is"
            name = f"{kind}-{word}-{right}"
            items.append(choice_item(draws, name, name, context, f" {right}", f" {wrong}"))
    return Task(
        name="opposites",
        task_class="chat",
        kind="choice",
        chance=0.5,
        floor=False,
        measures="meaning of common words: the opposite against a word of the same kind and another field",
        cluster_is="the pair of opposites",
        items=tuple(items),
    )


def facts() -> Task:
    """Capitals, chemical symbols, dates, authors: what a person asks a chat assistant."""
    draws = Draws("mini/facts")
    groups: list[tuple[str, list[tuple[str, str]]]] = [
        (f"capital{place}", [(f"The capital of {country} is", f" {capital}") for country, capital in continent])
        for place, continent in enumerate(world.capitals())
    ]
    symbols = world.colon_pairs(world.ELEMENTS)
    groups.append(("symbol", [(f"The chemical symbol for {name} is", f" {symbol}") for name, symbol in symbols]))
    groups.append(("date", [(f"{clause} in", f" {year}") for clause, year in world.events()]))
    by = [(clause, f" {person}") for clause, person in world.works()]
    for verb in ("written", "painted", "composed"):
        groups.append((verb, [entry for entry in by if f"was {verb} by" in entry[0]]))
    groups.append(("science", [entry for entry in by if " were " in entry[0] or "developed" in entry[0]]))
    items = []
    for group, entries in groups:
        everyone = [range(len(entries))] * len(entries)
        wrongs = other_answers(draws, [answer for _, answer in entries], everyone)
        for place, ((context, right), wrong) in enumerate(zip(entries, wrongs, strict=True)):
            name = f"{group}-{place}"
            items.append(choice_item(draws, name, name, context, right, wrong))
    return Task(
        name="facts",
        task_class="chat",
        kind="choice",
        chance=0.5,
        floor=False,
        measures="knowledge: capitals (against another of the continent), chemical symbols, dates, authors",
        cluster_is="the fact; there are too few undisputed capitals for a task of their own",
        items=tuple(items),
    )


def analogies() -> Task:
    """A is to B as C is to D, against the D of another fact of the same relation."""
    draws = Draws("mini/analogies")
    relations = dict(world.relations())
    adjectives = [fact for field in words.pairs(words.ADJECTIVES) for fact in field]
    relations["opposite"] = draws.sample(adjectives, ANALOGY_OPPOSITES)
    items = []
    for relation, entries in relations.items():
        everyone = [range(len(entries))] * len(entries)
        wrongs = other_answers(draws, [right for _, right in entries], everyone)
        for place, ((left, right), wrong) in enumerate(zip(entries, wrongs, strict=True)):
            examples = [e for i, e in enumerate(entries) if i != place and wrong not in e and right not in e]
            a, b = draws.pick(examples)
            context = f"{a} is to {b} as {left} is to"
            name = f"{relation}-{left}"
            items.append(choice_item(draws, name, name, context, f" {right}", f" {wrong}"))
    return Task(
        name="analogies",
        task_class="reason",
        kind="choice",
        chance=0.5,
        floor=False,
        measures="applying a relation seen once to another word; the wrong answer fits the relation, not the word",
        cluster_is="the fact asked for",
        items=tuple(items),
    )
