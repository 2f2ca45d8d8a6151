"""Make data/human_text.txt: prose that people wrote, from the news of the time zone database (tz).

The file NEWS of the tz database says of itself "This file is in the public domain." Debian installs it with the package
tzdata as /usr/share/doc/tzdata/changelog.gz; the shipped text is made from version 2025b. Kept are paragraphs of prose
from the sections on what clocks did and will do, newest first, each on one line, until there are enough bytes.

    python tools/human_text.py /usr/share/doc/tzdata/changelog.gz data/human_text.txt
"""

from __future__ import annotations

import argparse
import gzip
import re
from pathlib import Path

LEAST_CHARACTERS = 200  # of a paragraph; shorter ones are notes
LEAST_LETTERS = 0.74  # of a paragraph's characters; less is lists of dates
UNNATURAL = re.compile(r"[_*=<>%]|\b(tz\w*|TZ\w*|zic|Rule|backward)\b")  # code, names of files and of zones
LEAST_BYTES = 9000
OPENING = 30


def paragraphs(news: str) -> list[str]:
    """Paragraphs of prose in the order of the file, their lines joined."""
    out: list[str] = []
    openings: set[str] = set()  # what many releases say in the same words is kept once
    inside = False
    for part in re.split(r"\n\s*\n", news):
        text = " ".join(part.split())
        if text.startswith(("Changes ", "Release ", "Briefly")):
            inside = text.startswith("Changes ") and "timestamps" in text
        elif (
            inside
            and len(text) >= LEAST_CHARACTERS
            and sum(map(str.isalpha, text)) >= LEAST_LETTERS * len(text)
            and not UNNATURAL.search(text)
            and text[0].isupper()
            and text[-1] in ".)"
            and text[:OPENING] not in openings
        ):
            openings.add(text[:OPENING])
            out.append(text)
    return out


def human_text(news: str) -> str:
    """The first paragraphs, as many as make `LEAST_BYTES`.

    Raises:
        ValueError: if the file does not say that it is in the public domain, or is too short.
    """
    if "This file is in the public domain." not in news:
        raise ValueError("the file does not say that it is in the public domain")
    kept: list[str] = []
    for text in paragraphs(news):
        kept.append(text)
        if len("\n\n".join(kept).encode()) >= LEAST_BYTES:
            return "\n\n".join(kept) + "\n"
    raise ValueError(f"less than {LEAST_BYTES} bytes of prose")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="NEWS of the tz database, plain or .gz")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    raw = given.source.read_bytes()
    news_text = (gzip.decompress(raw) if given.source.suffix == ".gz" else raw).decode("utf-8")
    given.out.write_text(human_text(news_text), encoding="utf-8")
