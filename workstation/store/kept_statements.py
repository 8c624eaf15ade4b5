"""The store's write statements, kept beside the byte code.

They are compiled from the SQLModel tables, and to import SQLModel takes half a second of the start of a desk: so it is
done once for each state of the tables, like the byte code itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

import msgspec

from workstation.store.writer import Statements

_HERE = Path(__file__).parent


class _Kept(msgspec.Struct):
    key: str
    statements: Statements


@cache
def statements() -> Statements:
    """Compiled now if nothing is kept, or what is kept is of other tables or cannot be read."""
    try:
        key, place = _key(), Path(cache_from_source(str(_HERE / "tables.py"))).with_suffix(".statements.json")
    except (OSError, NotImplementedError):  # no source here, or no byte code: nothing can be kept
        return _compiled()
    with contextlib.suppress(OSError, msgspec.DecodeError):
        kept = msgspec.json.decode(place.read_bytes(), type=_Kept)
        if kept.key == key:
            return kept.statements
    made = _compiled()
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):  # a folder that is not ours to write: compiled at every start
            place.parent.mkdir(exist_ok=True)
            whole = place.with_suffix(f".{os.getpid()}")
            whole.write_bytes(msgspec.json.encode(_Kept(key, made)))
            whole.replace(place)
    return made


def _key() -> str:
    sources = (_HERE / name for name in ("tables.py", "statements.py", "kept_statements.py"))
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()


def _compiled() -> Statements:
    from workstation.store.statements import compile_statements  # heavy

    return compile_statements()
