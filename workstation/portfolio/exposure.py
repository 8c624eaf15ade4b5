"""What the book holds: long and short by asset, venue, strategy and currency, and how long it takes to sell it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holding:
    """One position: `value` is signed money in the account currency; `turnover` the value that trades of it in a day,
    0 where nobody knows; `owner` the strategy that holds it, or the trader."""

    asset: str
    value: float
    venue: str = ""
    owner: str = "manual"
    currency: str = ""
    turnover: float = 0.0


@dataclass(frozen=True, slots=True)
class Share:
    """One group's money: long and short are positive."""

    name: str
    long: float
    short: float

    @property
    def net(self) -> float:
        return self.long - self.short

    @property
    def gross(self) -> float:
        return self.long + self.short


@dataclass(frozen=True, slots=True)
class Exposure:
    """`leverage` is gross exposure against equity, None without an equity; groups the largest first."""

    equity: float
    whole: Share
    by_asset: tuple[Share, ...]
    by_venue: tuple[Share, ...]
    by_owner: tuple[Share, ...]
    by_currency: tuple[Share, ...]
    days_to_flatten: tuple[tuple[str, float | None], ...]

    @property
    def leverage(self) -> float | None:
        return self.whole.gross / self.equity if self.equity > 0 else None


def exposure(holdings: Sequence[Holding], equity: float, volume_share: float = 0.1) -> Exposure:
    """`volume_share`: the part of what trades that a careful seller may be (0.1 is one in ten).

    Raises ValueError for a share that is not within (0, 1].
    """
    if not 0 < volume_share <= 1:
        raise ValueError("the share of volume must be above 0 and at most 1")
    return Exposure(
        equity,
        _share("all", holdings),
        _groups(holdings, lambda one: one.asset),
        _groups(holdings, lambda one: one.venue),
        _groups(holdings, lambda one: one.owner),
        _groups(holdings, lambda one: one.currency),
        tuple(_days(holdings, volume_share)),
    )


def _groups(holdings: Sequence[Holding], key: Callable[[Holding], str]) -> tuple[Share, ...]:
    members: dict[str, list[Holding]] = {}
    for one in holdings:
        members.setdefault(key(one), []).append(one)
    shares = [_share(name, some) for name, some in members.items()]
    return tuple(sorted(shares, key=lambda share: (-share.gross, share.name)))


def _share(name: str, holdings: Sequence[Holding]) -> Share:
    long = sum((one.value for one in holdings if one.value > 0), 0.0)
    return Share(name, long, -sum((one.value for one in holdings if one.value < 0), 0.0))


def _days(holdings: Sequence[Holding], volume_share: float) -> list[tuple[str, float | None]]:
    """Days to close each asset's position by trading that share of its turnover; None where it is not known."""
    values: dict[str, float] = {}
    turnovers: dict[str, float] = {}
    for one in holdings:
        values[one.asset] = values.get(one.asset, 0.0) + abs(one.value)
        turnovers[one.asset] = max(turnovers.get(one.asset, 0.0), one.turnover)
    return [
        (asset, value / (volume_share * turnovers[asset]) if turnovers[asset] > 0 else None)
        for asset, value in sorted(values.items(), key=lambda each: -each[1])
    ]
