"""The typed words for pages and layouts: what a line means and doing it.

layout · layout save NAME · layout load NAME · layout delete NAME · layout export NAME · layout reset · layout undo
page NAME or NUMBER · page new NAME [PANE] · page rename NAME · page delete · page earlier · page later
open PANE · split right PANE · split below PANE · link A … F · link off
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from screens.links import LINKS

if TYPE_CHECKING:
    from screens.app import TwsApp


class WordsError(Exception):
    """The line asks for nothing that can be done; the text is a sentence for the trader."""


class LayoutLine(msgspec.Struct, frozen=True):
    """What a line asks of the layout: a sentence that says so, and the work, which may raise `Refused`."""

    sentence: str
    run: Callable[[], object]


def layout_line(text: str, app: TwsApp) -> LayoutLine | None:
    """The line's meaning; None if it is none of pages and layouts. Raises `WordsError`."""
    words = text.strip().removeprefix(":").split()
    reader = _READERS.get(words[0].casefold()) if words else None
    return None if reader is None else reader(words[1:], app)


def _layout(words: Sequence[str], app: TwsApp) -> LayoutLine:
    commands, layouts = app.layout_commands, app.layouts
    if not words:
        return LayoutLine("Enters the layout mode.", lambda: app.run_named("layout"))
    verb, name = words[0].casefold(), " ".join(words[1:])
    if not name and verb in ("reset", "undo", "redo"):
        return LayoutLine(
            {"reset": "Shows the built-in pages.", "undo": "Takes the last change of the layout back.",
             "redo": "Does again what was undone."}[verb],
            lambda: app.run_named(f"layout.{verb}"),
        )  # fmt: skip
    if verb in ("load", "delete"):
        names = [one for one, _ in layouts.names()] if verb == "load" else sorted(layouts.stored())
        if name not in names:
            raise WordsError(f"Which layout? {', '.join(names) or 'None is saved'}.")
        if verb == "load":
            return LayoutLine(f"Shows the layout {name}.", lambda: layouts.load(name))
        return LayoutLine(f"Forgets the layout {name}.", lambda: layouts.delete(name))
    if verb in ("save", "export"):
        if not name:
            raise WordsError(f"Under which name? layout {verb} NAME.")
        if verb == "save":
            return LayoutLine(f"Saves all pages as the layout {name}.", lambda: commands.save_as(name))
        return LayoutLine(f"Writes the layout into the file {name}.json.", lambda: commands.export(name))
    raise WordsError("layout save NAME · load NAME · delete NAME · export NAME · reset · undo · redo")


def _page(words: Sequence[str], app: TwsApp) -> LayoutLine:
    layouts = app.layouts
    verb, rest = words[0].casefold() if words else "", list(words[1:])
    if verb == "new" and rest:
        pane = _pane_named(rest[-1], app) if len(rest) > 1 else None
        title = " ".join(rest[:-1] if pane else rest)
        first = pane or ("chart" if "chart" in layouts.panes else min(layouts.panes))
        what = app.workspace.pane_classes[first].TITLE
        return LayoutLine(f"Adds the page {title} with the pane {what}.", lambda: layouts.new_page(title, first))
    if verb == "rename" and rest:
        title = " ".join(rest)
        return LayoutLine(f"Calls this page {title}.", lambda: layouts.rename_page(title))
    if verb in ("delete", "earlier", "later") and not rest:
        help_text = {"delete": "Deletes this page.", "earlier": "Moves this page one number down.",
                     "later": "Moves this page one number up."}  # fmt: skip
        return LayoutLine(help_text[verb], lambda: app.run_named(f"layout.page_{verb}"))
    found = layouts.page_named(" ".join(words)) if words else None
    if found is None:
        titles = ", ".join(page.title for page in layouts.pages)
        raise WordsError(f"Which page? {titles}; or page new NAME, rename NAME, delete, earlier, later.")
    return LayoutLine(f"Shows the page {layouts.pages[found].title}.", lambda: app.workspace.show_page(found))


def _pane_named(word: str, app: TwsApp) -> str | None:
    """The pane of a name or title, or of the beginning of one."""
    word = word.casefold()
    names = {info.name: info.title.casefold() for info in app.pane_infos if info.cls is not None}
    exact = [name for name, title in names.items() if word in (name, title)]
    return next(iter(exact or [n for n, title in names.items() if title.startswith(word) or n.startswith(word)]), None)


def _opened(words: Sequence[str], app: TwsApp, where: str, across: bool | None) -> LayoutLine:
    pane = _pane_named(" ".join(words), app) if words else None
    if pane is None:
        titles = ", ".join(sorted(info.title for info in app.pane_infos if info.cls is not None))
        raise WordsError(f"Which pane? {titles}.")
    title = app.workspace.pane_classes[pane].TITLE
    return LayoutLine(f"Opens {title} {where}.", lambda: app.layout_commands.add(pane, None, across))


def _open(words: Sequence[str], app: TwsApp) -> LayoutLine:
    return _opened(words, app, "as a tab of the focused pane", None)


def _split(words: Sequence[str], app: TwsApp) -> LayoutLine:
    side = words[0].casefold() if words else ""
    if side not in ("right", "below"):
        raise WordsError("split right PANE or split below PANE")
    return _opened(words[1:], app, "at the right" if side == "right" else "below", side == "right")


def _link(words: Sequence[str], app: TwsApp) -> LayoutLine:
    word = words[0].upper() if len(words) == 1 else ""
    if word not in (*LINKS, "OFF"):
        raise WordsError("link A … F puts the focused pane into a link group, link off takes it out.")
    commands = app.layout_commands
    link = None if word == "OFF" else word
    sentence = "Lets the pane follow the desk." if link is None else f"Puts the pane into link group {link}."
    return LayoutLine(sentence, lambda: commands.set_link(commands.slot(), link))


def _default(words: Sequence[str], app: TwsApp) -> LayoutLine:
    from screens.default_words import default_line

    return default_line(words, app)


_READERS: dict[str, Callable[[Sequence[str], TwsApp], LayoutLine]] = {
    "layout": _layout,
    "page": _page,
    "open": _open,
    "split": _split,
    "link": _link,
    "default": _default,
}
