"""Tasks of procedure: copying and brackets (code), tool choice and arguments (agent), everyday physics and numbers
(reason), reading off a field (extract)."""

from __future__ import annotations

from evalsuite.suites import requests, things
from evalsuite.suites.task import Draws, Item, Task, choice_item, other_answers, written_item

ITEMS = 280  # independent items enough for a standard error of 3 points at an accuracy of a half
COPY_WORDS = """
    river stone lamp cloud bread horse piano glass tiger paper sugar chair metal ocean apple knife wheel garden
    silver candle window forest bottle mirror button planet engine rabbit winter shadow
""".split()
VARIABLES = """
    width height total count name value price items index size left right start end key node list text line
    color
""".split()
FIRST_NAMES = """
    Anna Ben Clara David Emma Frank Grace Henry Irene Jack Karen Leo Maria Nina Oscar Paul Rosa Sam Tina Victor
""".split()
LAST_NAMES = """
    Keller Brown Rossi Novak Smith Jensen Lopez Murphy Tanaka Weber Clark Silva Fischer Young Moreau
""".split()
CITIES = """
    Oslo Paris Madrid Berlin Rome Vienna Dublin Lisbon Prague Athens Cairo Boston Chicago Toronto Sydney
""".split()
JOBS = """
    nurse teacher pilot farmer lawyer baker dentist painter driver engineer singer chef waiter writer judge
""".split()
GOODS = """
    apples books coins cards pens eggs shells stamps marbles cookies balloons flowers
""".split()
CLOSERS = {"(": ")", "[": "]", "{": "}"}


def induction() -> Task:
    """A random sequence of words, then its beginning again: which word follows?"""
    draws = Draws("mini/induction")
    items: list[Item] = []
    for place in range(ITEMS):
        sequence = draws.sample(COPY_WORDS, draws.between(5, 8))
        asked = draws.between(2, len(sequence) - 2)
        context = " ".join([*sequence, *sequence[:asked]])
        others = [word for i, word in enumerate(sequence) if i not in (asked, asked - 1)]
        name = f"sequence-{place}"
        items.append(choice_item(draws, name, name, context, f" {sequence[asked]}", f" {draws.pick(others)}"))
    return Task(
        name="induction",
        task_class="code",
        kind="choice",
        chance=0.5,
        floor=False,
        measures="copying by position, the mechanism by which code reuses the names before it",
        cluster_is="the random sequence",
        items=tuple(items),
    )


def brackets() -> Task:
    """A line of Python cut where a bracket must close: which one?"""
    draws = Draws("mini/brackets")
    items: list[Item] = []
    for place in range(ITEMS):
        opened = [draws.pick("([{") for _ in range(2)]
        while opened[0] == opened[1]:
            opened[1] = draws.pick("([{")
        outer, inner = opened
        first, second, third, target = draws.sample(VARIABLES, 4)
        depth = draws.index(2)
        head = {"(": f"{target} = max(", "[": f"{target} = [", "{": f"{target} = {{"}[outer]
        body = {"(": f"abs({first}", "[": f"{first}[{second}", "{": f"{{{first}"}[inner]
        if depth == 0:
            context, right, wrong = f"{head}{third}, {body}", CLOSERS[inner], CLOSERS[outer]
        else:
            context, right, wrong = f"{head}{body}{CLOSERS[inner]}, {third}", CLOSERS[outer], CLOSERS[inner]
        name = f"line-{place}"
        items.append(choice_item(draws, name, name, context, right, wrong))
    return Task(
        name="brackets",
        task_class="code",
        kind="choice",
        chance=0.5,
        floor=False,
        measures="syntax of code: the bracket that closes the innermost open one, against the other open or closed one",
        cluster_is="the random line",
        items=tuple(items),
    )


def tool_choice() -> Task:
    """A request, and the tool that does it against one that cannot."""
    draws = Draws("mini/tool_choice")
    table = requests.requests()
    answers = [tool for _, tool, _ in table]
    allowed = [[i for i, tool in enumerate(answers) if tool not in shun] for _, _, shun in table]
    wrongs = other_answers(draws, answers, allowed)
    items: list[Item] = []
    for place, ((request, tool, _), wrong) in enumerate(zip(table, wrongs, strict=True)):
        name = f"{tool}-{place}"
        items.append(choice_item(draws, name, name, f"Request: {request}\nTool:", f" {tool}", f" {wrong}"))
    return Task(
        name="tool_choice",
        task_class="agent",
        kind="choice",
        chance=0.5,
        floor=False,
        measures="choosing the tool for a request, the first step of an agent",
        cluster_is="the request",
        items=tuple(items),
    )


def arguments() -> Task:
    """A request and the call that does it, cut at an argument: which of two names goes there?"""
    draws = Draws("mini/arguments")
    forms = (
        ("Send the letter of {a} to {b}.", "send --from {a} --to", "b"),
        ("Tell {a} that {b} is late.", "message --to", "a"),
        ("Invite {a}, but not {b}.", "invite --guest", "a"),
        ("Fly from {a} to {b}.", "fly --from {a} --to", "b"),
        ("Rename {a} to {b}.", "rename --old {a} --new", "b"),
        ("Replace {a} with {b}.", "replace --old", "a"),
    )
    seen: set[tuple[str, frozenset[str]]] = set()
    items: list[Item] = []
    while len(items) < ITEMS:
        form, call, asked = forms[len(items) % len(forms)]
        a, b = draws.sample(CITIES if "Fly" in form else FIRST_NAMES, 2)
        if (form, frozenset((a, b))) in seen:
            continue
        seen.add((form, frozenset((a, b))))
        context = f"Request: {form.format(a=a, b=b)}\nCommand: {call.format(a=a, b=b)}"
        right, wrong = (a, b) if asked == "a" else (b, a)
        name = f"call-{len(items)}"
        items.append(choice_item(draws, name, name, context, f" {right}", f" {wrong}"))
    return Task(
        name="arguments",
        task_class="agent",
        kind="choice",
        chance=0.5,
        floor=False,
        measures="filling an option of a command with the right one of two names in the request",
        cluster_is="the random pair of names in one of six fixed forms",
        items=tuple(items),
    )


def affordances() -> Task:
    """Everyday physics: what a thing is for, made of, found in, and what happens to it."""
    draws = Draws("mini/affordances")
    items: list[Item] = []
    for place, (context, right, wrong) in enumerate(things.facts()):
        name = f"fact-{place}"
        items.append(choice_item(draws, name, name, context, f" {right}", f" {wrong}"))
    return Task(
        name="affordances",
        task_class="reason",
        kind="choice",
        chance=0.5,
        floor=False,
        measures="everyday physics and what things are for",
        cluster_is="the fact",
        items=tuple(items),
    )


def arithmetic() -> Task:
    """Sums and differences of two numbers up to 99, against a near miss."""
    draws = Draws("mini/arithmetic")
    seen: set[str] = set()
    items: list[Item] = []
    while len(items) < ITEMS:
        a, b = draws.between(11, 99), draws.between(11, 99)
        plus = draws.index(2) == 0
        a, b = (a, b) if plus or a > b else (b, a)
        context = f"{a} {'+' if plus else '-'} {b} ="
        right = a + b if plus else a - b
        miss = draws.pick((-10, -2, -1, 1, 2, 10))
        if context in seen or right < 1 or right + miss < 1:
            continue
        seen.add(context)
        items.append(choice_item(draws, context, context, context, f" {right}", f" {right + miss}"))
    return Task(
        name="arithmetic",
        task_class="reason",
        kind="choice",
        chance=0.5,
        floor=True,
        measures="sums and differences of two-digit numbers against a near miss",
        cluster_is="the sum",
        items=tuple(items),
    )


def word_problems() -> Task:
    """Small word problems, the number written after two worked examples."""
    draws = Draws("mini/word_problems")
    forms = (
        ("{n} has {a} {g} and buys {b} more. How many now?", "plus"),
        ("{n} has {a} {g} and gives {b} away. How many now?", "minus"),
        ("There are {b} boxes with {c} {g} each. How many {g}?", "times"),
        ("{n} has {a} {g}, {m} has {b} {g}. How many together?", "plus"),
    )
    seen: set[str] = set()
    items: list[Item] = []
    while len(items) < ITEMS + 2:
        text, kind = forms[len(items) % len(forms)]
        a, b, c = draws.between(12, 40), draws.between(2, 9), draws.between(3, 11)
        n, m = draws.sample(FIRST_NAMES, 2)
        question = text.format(a=a, b=b, c=c, n=n, m=m, g=draws.pick(GOODS))
        if question in seen:
            continue
        seen.add(question)
        answer = {"plus": a + b, "minus": a - b, "times": b * c}[kind]
        items.append(written_item(f"problem-{len(items)}", f"{question}\nAnswer:", str(answer)))
    return Task(
        name="word_problems",
        task_class="reason",
        kind="generate",
        chance=0.0,
        floor=True,
        measures="one step of arithmetic told as a story, the number written out",
        cluster_is="the problem, its names and numbers drawn in one of four fixed forms",
        items=tuple(items[2:]),
        shots=tuple(items[:2]),
        most_tokens=4,
    )


def extraction() -> Task:
    """A field read off a short text, written after two worked examples."""
    draws = Draws("mini/extraction")
    forms = (
        "{first} {last} is a {job} in {city}.",
        "The {job} {first} {last} lives in {city}.",
        "In {city}, {first} {last} became a {job}.",
        "{city} is home to {first} {last}, a {job}.",
    )
    seen: set[str] = set()
    items: list[Item] = []
    while len(items) < ITEMS + 2:
        values = {
            "first": draws.pick(FIRST_NAMES),
            "last": draws.pick(LAST_NAMES),
            "city": draws.pick(CITIES),
            "job": draws.pick(JOBS),
        }
        field = ("city", "job", "last")[len(items) % 3]
        label = {"city": "City", "job": "Job", "last": "Last name"}[field]
        context = f"{draws.pick(forms).format(**values)}\n{label}:"
        if context in seen:
            continue
        seen.add(context)
        items.append(written_item(f"text-{len(items)}", context, values[field]))
    return Task(
        name="extraction",
        task_class="extract",
        kind="generate",
        chance=0.0,
        floor=False,
        measures="reading a city, a job or a name off one sentence",
        cluster_is="the sentence, its names drawn in one of four fixed forms",
        items=tuple(items[2:]),
        shots=tuple(items[:2]),
        most_tokens=4,
    )
