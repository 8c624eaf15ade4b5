"""What a pane shows as a table, taken elsewhere: copied whole, and exported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from screens.actions import Action
from screens.pane import Pane
from screens.table_export import as_csv, as_json, as_tsv, write
from workstation.domain.numbers import counted
from workstation.trading.errors import Refused

#: For the ACTIONS of a pane that `CopiesTable`.
COPY_TABLE_ACTIONS: tuple[Action, ...] = (
    Action("copy_table", "Copy the table", "Copies every row with the titles, tab separated.", ("ctrl+y",),
           group="Copy"),
    Action("export_csv", "Export the table as CSV", "Writes every row into a new file of the exports folder.", (),
           group="Copy"),
    Action("export_json", "Export the table as JSON", "Writes every row into a new file of the exports folder.", (),
           group="Copy"),
)  # fmt: skip


class CopiesTable(Pane):
    """A pane with a table: all its rows, whatever of them fits on the screen."""

    def table_texts(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        """The titles, and the rows as they are shown, as many cells as titles in each."""
        raise NotImplementedError

    def action_copy_table(self) -> None:
        titles, rows = self.table_texts()
        self.app.copy_to_clipboard(as_tsv([titles, *rows]))
        self.toast(f"{len(rows)} {'row was' if len(rows) == 1 else 'rows were'} copied.")

    async def action_export_csv(self) -> None:
        await self._export("csv", as_csv)

    async def action_export_json(self) -> None:
        await self._export("json", as_json)

    async def _export(self, extension: str, written: Callable[[Sequence[str], Sequence[Sequence[str]]], str]) -> None:
        titles, rows = self.table_texts()
        folder = self.desk.exports
        if folder is None:
            raise Refused("This desk has no folder for exports.")
        now = self.engine.clock.now()
        try:
            path = await asyncio.to_thread(lambda: write(folder, self.PANE, extension, written(titles, rows), now))
        except OSError as error:
            raise Refused(f"The table could not be written to {folder}: {error.strerror}.") from error
        self.toast(f"{counted(len(rows), 'row')} written to {path}")
