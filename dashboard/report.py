"""The report of an eval run: one HTML file that needs nothing else, and Markdown with its charts beside it.

It shows what the run's tables say and decides nothing anew. Equal runs give equal bytes: time and host stand in the
run's manifest alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard import comparisons, figures, frontier, theme
from dashboard.drawing import alone, svg
from dashboard.findings import NOT_MEASURED, Findings, read_findings
from dashboard.markdown import page_markdown
from dashboard.page import WIDE_PX, Field, Page, Picture, Section, Table, page_html
from dashboard.source import provenance
from evalsuite.ledgers import DEFAULT_ACCELERATOR, DEFAULT_SERVING
from sim.shared.paths import replacing_dir, writable_dir, write_text

if TYPE_CHECKING:
    import pandas as pd

HTML_NAME, MARKDOWN_NAME, SVG_SUFFIX = "report.html", "report.md", ".svg"
OTHERS = "other models of the run"


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        teacher, student: the pair that it is about; "" in a run of one model.
        headline: its first sentences.
        files: what was written, sorted.
    """

    teacher: str
    student: str
    headline: tuple[str, ...]
    files: tuple[Path, ...]


def write_report(run: Path, out: Path, teacher: str | None = None, student: str | None = None) -> Report:
    """Write the report of an eval run into the folder `out`, whole or not at all.

    Args:
        run: the folder that `undercut eval run` wrote.
        out: a new folder, an empty one, or that of an earlier report.
        teacher, student: see `dashboard.findings.read_findings`.

    Raises:
        InputError: if `run` is no eval run or was changed, for a model that it does not have, or a folder that cannot
            be written to.
    """
    found = read_findings(run, teacher, student)
    page = report_page(found)
    writable_dir(out.parent, "--out")
    with replacing_dir(out, HTML_NAME, "--out") as beside:
        wide = {picture.name: svg(picture.figure, WIDE_PX, picture.name) for picture in page.pictures}
        for name, picture in wide.items():
            write_text(beside / f"{name}{SVG_SUFFIX}", alone(picture))
        write_text(beside / HTML_NAME, page_html(page, wide))
        write_text(beside / MARKDOWN_NAME, page_markdown(page, SVG_SUFFIX))
    pair = found.pair
    return Report(
        teacher=pair.teacher if pair else "",
        student=pair.student if pair else "",
        headline=page.headline,
        files=tuple(sorted(path for path in out.iterdir() if path.is_file())),
    )


def report_page(found: Findings) -> Page:
    """The report's content."""
    suite = str(found.source.manifest.settings.get("suite", ""))
    pair = found.pair
    title = f"{pair.student} against {pair.teacher}" if pair else found.run.models[0]
    return Page(
        title=f"{title}, suite {suite}" if suite else title,
        headline=found.headline(),
        sections=tuple(make(found) for make in (_frontier, _quality, _pairs, _cascade, _cost, _errors, _made)),
    )


def _frontier(found: Findings) -> Section:
    title = "Quality against cost"
    if found.frontier is None:
        reason = "no task has items that all timed models answered" if found.timed else f"cost is {NOT_MEASURED}"
        return Section(title, (f"There is no frontier: {reason}.",))
    table = found.frontier
    teacher, student = (found.pair.teacher, found.pair.student) if found.pair else ("", found.run.models[0])
    groups = frontier.Groups(student, teacher, other=OTHERS)
    points = frontier.by_request(table, groups)
    names = [name for name in (student, teacher, OTHERS) if name in set(points["group"])]
    figure = figures.frontier(
        points, "Quality against cost of a request", "cost_of_request_usd", theme.looks(names, student, teacher), None,
        unit="% of items right, mean over tasks",
    )  # fmt: skip
    text: tuple[str, ...] = (
        "Bars are 95% intervals. The dashed line is the frontier: models that no other beats in both. Accuracy is the "
        "mean over the tasks that are no floor, on the items that all timed models answered; the cost of a request is "
        "that of the machine that measured it, mean over the task classes.",
    )
    if found.not_timed:
        text += (f"Not in the chart, as their cost is {NOT_MEASURED}: {', '.join(found.not_timed)}.",)
    rows = table.merge(_every(found), on="model", how="right")
    fields = (
        Field("model", "Model"),
        Field("accuracy", "Accuracy", "fraction", "fraction"),
        Field("accuracy_low", "Accuracy, 95% interval", "fraction", "fraction", "accuracy_high"),
        Field("usd_per_request", "Cost of a request", "USD", "figures", missing=NOT_MEASURED),
        Field("usd_per_request_low", "Cost, 95% interval", "USD", "figures", "usd_per_request_high"),
        Field("on_frontier", "On the frontier", "", "flag"),
        Field("frontier_probability", "Probability of lying on it", "probability", "probability"),
    )
    return Section(title, text, (Picture("frontier", figure),), (Table("Frontier, measured ledger", rows, fields),))


def _quality(found: Findings) -> Section:
    quality = found.run.quality
    pair = found.pair
    first = [pair.student, pair.teacher] if pair else found.run.models
    names = [*first, *(model for model in found.run.models if model not in first)]
    looks = theme.looks(names, names[0], pair.teacher if pair else "")
    floors = list(dict.fromkeys(quality[quality["floor"]]["task"]))
    text: tuple[str, ...] = (
        "Standard errors are clustered: items that share a fact or a template are not independent. Items in error are "
        "left out, never counted as wrong.",
    )
    text += (f"At the floor for small models, out of all means: {', '.join(floors)}.",) if floors else ()
    fields = (
        Field("task", "Task"),
        Field("score", "Score", "fraction", "fraction"),
        Field("stderr", "Standard error", "fraction", "fraction"),
        Field("chance", "Chance", "fraction", "fraction"),
        Field("n", "Scored", "items", "count"),
        Field("errors", "In error", "items", "count"),
        Field("clusters", "Distinct facts", "clusters", "count"),
        Field("score_norm", "Score by character", "fraction", "fraction"),
        Field("task_class", "Class"),
        Field("floor", "Floor", "", "flag"),
    )
    pictures = (Picture("scores", comparisons.scores(quality, "Score by task", looks)),)
    tables = tuple(Table(model, quality[quality["model"] == model], fields) for model in found.run.models)
    return Section("Quality by model and task", text, pictures, tables)


def _pairs(found: Findings) -> Section:
    title = "Student minus teacher, on the same items"
    pair = found.pair
    if pair is None:
        return Section(title, ("The run has one model: there is no pair to compare.",))
    if found.pairs.empty:
        return Section(title, (f"No item was answered by both {pair.student} and {pair.teacher}.",))
    text = (
        f"Teacher: {pair.teacher}. Student: {pair.student}."
        + ("" if pair.related else " The run knows neither as the other's student; they were chosen as a pair."),
        "The interval is Tango's over clusters. McNemar's test takes items as independent; Holm's adjustment is "
        "over this pair's tasks. The least detectable difference is the one found with power 0.8 at this "
        "size; a stroke: none is.",
    )
    fields = (
        Field("task", "Task"),
        Field("n", "Both answered", "items", "count"),
        Field("difference", "Difference", "fraction", "signed"),
        Field("low", "95% interval", "fraction", "signed", "high"),
        Field("stderr", "Standard error", "fraction", "fraction"),
        Field("p_value", "McNemar p", "probability", "probability"),
        Field("p_holm", "Holm-adjusted p", "probability", "probability"),
        Field("detectable", "Least detectable difference", "fraction", "fraction"),
        Field("agreement", "Same answer", "fraction", "fraction"),
    )
    figure = comparisons.differences(found.pairs, "Student minus teacher")
    table = Table("Paired differences", found.pairs, fields)
    return Section(title, text, (Picture("differences", figure),), (table,))


def _cascade(found: Findings) -> Section:
    title = "A cascade: the student answers, hard items go up"
    if found.cascade is None:
        return Section(title, (found.no_cascade,))
    text = (
        "The student answers every item; those on which it is least sure go to the teacher, which is paid in addition. "
        "The straight line joins the two models: the same money spent on items drawn at random, each answered by one "
        "of them. The curve is computed on the items of this run and carries their noise; it has no interval.",
    )
    fields = (
        Field("escalated", "Sent up", "fraction of items", "fraction"),
        Field("accuracy", "Accuracy", "fraction", "fraction"),
        Field("cost_usd", "Cost of a request", "USD", "figures"),
        Field("mixture_accuracy", "At random, same cost", "fraction", "fraction"),
    )
    figure = comparisons.cascade_curve(found.cascade, "Accuracy against cost of a request")
    table = Table("Cascade", found.cascade, fields)
    return Section(title, (*text, figure.alt), (Picture("cascade", figure),), (table,))


def _cost(found: Findings) -> Section:
    load = DEFAULT_SERVING
    text = [
        "Ledgers are never added. Measured: the seconds of the machine that ran this, at a dated rent that it is "
        f"assumed to cost. Modelled: a roofline of one {DEFAULT_ACCELERATOR}, {load.batch} sequences at once, "
        f"{load.context_tokens} tokens of context, {load.utilisation:.0%} of the day used, cheapest dated rent.",
    ]
    if found.listed:
        text.append("List price: what an endpoint asks, by its description or a dated price map; it is no cost.")
    if found.not_timed:
        text.append(f"{NOT_MEASURED.capitalize()}: {', '.join(found.not_timed)}.")
    text += [f"Not modelled: {model}, {reason}." for model, reason in found.not_modelled.items()]
    timed = (
        Field("model", "Model"),
        Field("phase", "Phase", missing=NOT_MEASURED),
        Field("tokens_per_s", "Speed", "tokens per s", "figures"),
        Field("usd_per_mtok", "Cost", "USD per Mtok", "figures"),
        Field("low", "95% interval", "USD per Mtok", "figures", "high"),
        Field("ratio", "Over its teacher's", "ratio", "figures"),
        Field("hardware", "Rent of"),
        Field("usd_per_hour", "Rent", "USD per hour", "figures"),
    )
    tables = (
        Table("Measured, by phase", found.speed, timed, "Prefill reads, decode writes. Intervals are of timing alone."),
        Table(
            "The ledgers, by token and by text",
            found.per_token,
            (Field("model", "Model"), *_by_ledger(found, _per_token)),
        ),
        Table(
            "The ledgers, by request and by right answer",
            found.per_class,
            (
                Field("model", "Model"),
                Field("task_class", "Class"),
                *_by_ledger(found, _per_class),
            ),
            "A right answer costs an answer over the accuracy: asking until one is right.",
        ),
        _roofline(),
    )
    return Section("Cost", tuple(text), (), tables)


def _by_ledger(found: Findings, fields: Callable[[str, str], tuple[Field, ...]]) -> tuple[Field, ...]:
    """Columns of each ledger in which a model of the run stands."""
    third = fields("list price", "no endpoint") if found.listed else ()
    return (*fields("measured", NOT_MEASURED), *fields("modelled", "not modelled"), *third)


def _per_token(ledger: str, missing: str) -> tuple[Field, ...]:
    return (
        Field(f"{ledger} usd_per_mtok_in", "Read", "USD per Mtok", "figures", group=ledger, missing=missing),
        Field(f"{ledger} usd_per_mtok_out", "Written", "USD per Mtok", "figures", group=ledger),
        Field(f"{ledger} usd_per_mb_in", "Text read", "USD per MB", "figures", group=ledger),
        Field(f"{ledger} usd_per_mb_out", "Text written", "USD per MB", "figures", group=ledger),
    )


def _per_class(ledger: str, missing: str) -> tuple[Field, ...]:
    low, high = f"{ledger} usd_per_correct_low", f"{ledger} usd_per_correct_high"
    return (
        Field(f"{ledger} usd_per_request", "Request", "USD", "figures", group=ledger, missing=missing),
        Field(f"{ledger} usd_per_correct", "Right answer", "USD", "figures", group=ledger),
        Field(low, "95% interval", "USD", "figures", high, group=ledger),
    )


def _errors(found: Findings) -> Section:
    title = "Items in error"
    if found.errors.empty:
        return Section(title, ("None: every item was scored.",))
    fields = (
        Field("model", "Model"),
        Field("task", "Task"),
        Field("n", "In error", "items", "count"),
        Field("reason", "Reason", long=True),
        Field("items", "Items", long=True),
    )
    text = (f"{found.errors['n'].sum()} answers could not be scored.",)
    return Section(title, text, (), (Table("", found.errors, fields),))


def _made(found: Findings) -> Section:
    text = ("Each input is marked as measured, cited or assumed.",)
    fields = (Field("item", "Item", long=True), Field("value", "Value", long=True))
    return Section("How this was made", text, (), (Table("", provenance(found.source), fields),))


def _roofline() -> Table:
    import pandas as pd

    from sim.shared.roofline import published_speeds

    columns = ("what", "published", "modelled", "error", "basis", "source")
    rows = [(row.what, row.published, row.modelled, row.error, row.basis, row.source) for row in published_speeds()]
    fields = (
        Field("what", "What", long=True),
        Field("published", "Published", "tokens per s", "figures"),
        Field("modelled", "Modelled", "tokens per s", "figures"),
        Field("error", "Modelled over published, less one", "ratio", "signed"),
        Field("basis", "Basis", long=True),
        Field("source", "Source", long=True),
    )
    return Table(
        "The roofline against published speeds",
        pd.DataFrame(rows, columns=columns),
        fields,
        "The basis says to which of these its constants were fitted.",
    )


def _every(found: Findings) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"model": found.run.models})
