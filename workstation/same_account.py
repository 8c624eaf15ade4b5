"""Two live desks of one machine that trade with the same API key are told of each other as soon as both run.

Each desk leaves a note in the state folder, under a salted hash of its key: which store is its own. A store that is
open in a running desk (its lock tells) with a note under the same hash is another desk on the same account. The key
itself is written nowhere. What cannot be kept or read is no hindrance: a desk opens all the same.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from workstation.paths import Paths
from workstation.store.errors import StoreError
from workstation.store.lock import holder

_SALT = "salt"


def leave_note(paths: Paths, store: Path, venue: str, key: str) -> Path | None:
    """Leaves this desk's note of the account at a venue. The folder of the notes with the same key, if they can be
    kept."""
    folder = paths.state / "accounts"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark = hashlib.sha256(_salt(folder) + key.encode()).hexdigest()[:32]
        name = hashlib.sha256(f"{store.absolute()}:{venue}".encode()).hexdigest()[:32]
        for old in folder.glob(f"*/{name}"):
            if old.parent.name != mark:  # it has another key now
                old.unlink(missing_ok=True)
        (folder / mark).mkdir(exist_ok=True)
        (folder / mark / name).write_text(str(store.absolute()), "utf-8")
    except OSError:
        return None
    return folder / mark


def desks_beside(notes: Path, store: Path) -> list[str]:
    """The names of the stores of other desks that run now and have a note there, sorted."""
    try:
        others = {Path(each.read_text("utf-8")) for each in notes.iterdir()} - {store.absolute()}
        return sorted(other.stem for other in others if holder(other) is not None)
    except (OSError, UnicodeDecodeError, StoreError):
        return []


def _salt(folder: Path) -> bytes:
    """This machine's, made by the first desk."""
    file = folder / _SALT
    try:
        made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_bytes()
    with os.fdopen(made, "wb") as opened:
        salt = secrets.token_bytes(16)
        opened.write(salt)
    return salt


def in_words(venue: str, beside: list[str], adopts: bool) -> str:
    """What the trader is told of them."""
    desks = " and ".join(beside)
    becomes = (
        'adopts their orders as its own (external_orders = "ignore" leaves them to them, and books what they trade as '
        "a difference)"
        if adopts
        else "ignores their orders, and books what they trade as a difference"
    )
    return (
        f"{venue}: {desks}, running on this machine, trades with the same API key. This desk {becomes}; contracts are "
        f"one position for all, and the kill of any of them pulls and closes them for all: a subaccount and a key for "
        f"each desk keeps them apart."
    )
