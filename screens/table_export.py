"""A table as text: tab separated for the clipboard as it is shown, CSV and JSON for files with plain numbers.

In files 1,234.50 (or 1.234,50, as the trader's locale has it) is 1234.50 and – is empty; JSON keeps numbers as text, so
that no digit is lost.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from screens import figures
from workstation.clock import SECOND

_PLAIN = re.compile(r"[+-]?\d+(\.\d+)?\Z", re.ASCII)


def as_tsv(rows: Sequence[Sequence[str]]) -> str:
    """Rows for the clipboard: tabs and line ends inside cells become spaces."""
    return "\n".join("\t".join(re.sub(r"[\t\r\n]+", " ", cell).strip() for cell in row) for row in rows)


def as_csv(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows([machine_text(cell) for cell in row] for row in rows)
    return out.getvalue()


def as_json(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A list of objects; an empty cell is null."""
    table = [{title: machine_text(cell) or None for title, cell in zip(titles, row, strict=True)} for row in rows]
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"


def machine_text(text: str) -> str:
    """A shown cell for another program: a number without separators and with a point, – as nothing."""
    text = text.strip()
    if text in ("–", "—"):
        return ""
    style = figures.style()
    grouped = text.replace(style.group, "") if _groups_fit(text, style.group, style.decimal) else text
    plain = grouped.replace(style.decimal, ".", 1)
    return plain.removeprefix("+") if _PLAIN.match(plain) else text


def _groups_fit(text: str, group: str, decimal: str) -> bool:
    """Whether the separators stand where thousands do."""
    whole = text.lstrip("+-").partition(decimal)[0]
    first, *others = whole.split(group)
    return 1 <= len(first) <= 3 and first.isdigit() and all(len(one) == 3 and one.isdigit() for one in others)


def write(folder: Path, name: str, extension: str, text: str, now: int) -> Path:
    """Write a new file into `folder`, called by the table and the time (UTC ns); an old one is never written over.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{datetime.fromtimestamp(now // SECOND, UTC):%Y%m%d-%H%M%S}"
    number = 1
    while True:
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}.{extension}"
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            number += 1
            continue
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path
