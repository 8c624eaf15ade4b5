"""Bybit's refusals: a `retCode` and a sentence; HTTP says 200 to nearly all of them."""

from __future__ import annotations


class Refused(Exception):
    def __init__(self, code: int, text: str, status: int = 200, **headers: str) -> None:
        super().__init__(text)
        self.code, self.text, self.status = code, text, status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def bad(text: str) -> Refused:
    return Refused(10001, f"params error: {text}")


def gone(spot: bool) -> Refused:
    """No such working order."""
    return (
        Refused(170213, "Order does not exist.") if spot else Refused(110001, "order not exists or too late to cancel")
    )


def gone_to_amend() -> Refused:
    return Refused(110001, "order not exists or too late to replace")


def refused(reason: str, spot: bool) -> Refused:
    """Bybit's words for what the matching engine would not take."""
    if reason.startswith("The order needs"):
        return Refused(170131, "Insufficient balance.") if spot else Refused(110007, "ab not enough for new order")
    if reason.startswith("Reduce-only"):
        return Refused(110017, "current position is zero, cannot fix reduce-only order qty")
    if "would be worth" in reason:
        return Refused(110090, "Add position failed. Position size would exceed the risk limit.")
    return bad(reason)
