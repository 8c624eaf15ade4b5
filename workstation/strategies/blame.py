"""Where a strategy's own code raised, for the sentence that the trader reads."""

from __future__ import annotations

import linecache
import sys
import traceback


def line_in(error: BaseException, file: str) -> int | None:
    """The innermost line of `file` in the error's trace; None where it was never in it."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def raised(error: BaseException, file: str | None) -> str:
    """What was raised with its file and line: "ValueError: no price (own.py, line 12: price = bars[-1])".

    `file` is the strategy's own; an error that never was in it says its kind alone.
    """
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    line = None if file is None else line_in(error, file)
    if file is None or line is None:
        return words
    code = linecache.getline(file, line).strip()
    return f"{words} ({file}, line {line}{f': {code}' if code else ''})"


def own_trace(error: BaseException, after: str) -> str:
    """The trace from where the strategy's code begins: below the frame of the function `after`, which called it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_name != after:
        trace = trace.tb_next
    below = trace.tb_next if trace is not None else None
    return "".join(traceback.format_exception(type(error), error, below or error.__traceback__))


def file_of(cls: type) -> str | None:
    """The file that a class was defined in."""
    module = sys.modules.get(cls.__module__)
    return getattr(module, "__file__", None)
