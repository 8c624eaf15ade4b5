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
    if held := _stops_held_here(engine):
        which, them = ("1 stop is", "it") if held == 1 else (f"{held} stops are", "them")
        sentences.append(f"{which} held by this desk: nothing watches {them} while it is off.")
    if ends := len(runs) - back:
        sentences.append("1 strategy stops." if ends == 1 else f"{ends} strategies stop.")
    if back:
        who = "1 strategy trades" if back == 1 else f"{back} strategies trade"
        sentences.append(f"{who} nothing until the desk is back.")
    if working or positions:
        sentences.append(f"The kill switch ({kill_key}) would pull orders and close positions first.")
    return " ".join(sentences)


def _stops_held_here(engine: Engine) -> int:
    """Stops of plans and of strategies that no venue has."""
    kept = sum(row.stop_price is not None for row in engine.kept_exits())
    return kept + sum(len(view.held) for view in engine.strategies.runs())
