"""What is to be known before the desk is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstation.domain.numbers import counted

if TYPE_CHECKING:
    from workstation.engine import Engine


def leaving_question(engine: Engine, kill_key: str) -> str:
    """What stays at the venues and what ends when the desk is left; "" where nothing does."""
    working, positions = len(engine.open_orders()), len(engine.positions())
    runs = [run for run in engine.core.strategy_runs.values() if run.active]
    back = sum(run.restarts for run in runs)
    sentences = []
    if working or positions:
        counts = ((working, "working order"), (positions, "open position"))
        left = " and ".join(counted(count, noun) for count, noun in counts if count)
        stays = "stays as it is" if working + positions == 1 else "stay as they are"
        sentences.append(f"{left} {stays} when you leave.")
    if ends := len(runs) - back:
        sentences.append("1 strategy stops." if ends == 1 else f"{ends} strategies stop.")
    if back:
        who = "1 strategy trades" if back == 1 else f"{back} strategies trade"
        sentences.append(f"{who} nothing until the desk is back.")
    if working or positions:
        sentences.append(f"The kill switch ({kill_key}) would pull orders and close positions first.")
    return " ".join(sentences)
