"""Risk: how much of each limit is used, the circuit breakers, and every change of a limit; edited in place."""

from plugins.risk.pane import RiskPane

__all__ = ["RiskPane"]
