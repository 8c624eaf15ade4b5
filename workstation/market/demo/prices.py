"""The efficient prices under the demo market: correlated, clustered in volatility, with news.

Log prices of all assets move on a fixed grid of time. Shocks share one factor (its loadings give the correlation
between assets). Their scale is exp of a sum of Ornstein-Uhlenbeck processes from minutes to days, which gives the slow
decay of the autocorrelation of absolute returns (a discrete form of the multi-component volatility of Calvet and
Fisher 2004, and Corsi 2009). News comes as a Poisson process of larger steps; rare headlines are larger still.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random

from workstation.domain.spans import SECOND
from workstation.market.demo.listings import ALL_ASSETS, ASSETS

#: Standard deviation of the log price over 5 minutes, and the loading on the common factor, by asset.
SD_5M = {
    "BTC": 16.65e-4, "ETH": 18.9e-4, "SOL": 32.6e-4,
    "XRP": 22.0e-4, "ADA": 25.0e-4, "DOGE": 31.0e-4, "AVAX": 29.0e-4, "LINK": 26.0e-4, "LTC": 20.0e-4, "DOT": 24.0e-4,
}  # fmt: skip
LOADING = {
    "BTC": 0.91, "ETH": 0.913, "SOL": 0.787,
    "XRP": 0.62, "ADA": 0.74, "DOGE": 0.68, "AVAX": 0.76, "LINK": 0.72, "LTC": 0.7, "DOT": 0.75,
}  # fmt: skip
#: (relaxation time in seconds, standard deviation) of the parts of the log volatility.
VOLATILITY_PARTS = ((400.0, 0.35), (3.0 * 3600, 0.35), (30.0 * 3600, 0.35))
_VARIANCE_OF_LOG = sum(sd * sd for _, sd in VOLATILITY_PARTS)
#: News a second in calm times, and the share of the variance that it carries.
NEWS_RATE, NEWS_SHARE = 0.25, 0.75
#: Headlines a second, and the size of one in units of the 5-minute standard deviation.
HEADLINE_RATE, HEADLINE_SIZE = 10 / 86_400, 1.2
#: Events come and go over seconds even when the volatility does not: log factor, relaxation time in seconds.
_MOOD_SD, _MOOD_TIME = 0.5, 4.0
GRID = 25_000_000
_MEMORY = 16  # grid steps that a late book may look back


class EfficientPrices:
    """Log prices by asset, advanced on a grid of `grid` ns from `start`; `at(asset, lag)` looks up to 15 steps back."""

    def __init__(
        self,
        random: Random,
        start: int,
        prices: Mapping[str, float],
        grid: int = GRID,
        minors: Random | None = None,
    ) -> None:
        """`minors` draws what the assets of `listings.MINORS` have of their own: the others' draws are not touched."""
        self._random = random
        self._minors = minors or Random(0)
        self.grid = grid
        self.now = start
        step = grid / SECOND
        self._count = len(ASSETS)
        terms = [
            (SD_5M[asset] * math.sqrt(step / 300), LOADING[asset], math.sqrt(1 - LOADING[asset] ** 2))
            for asset in ALL_ASSETS
        ]
        self._terms, self._minor_terms = terms[: self._count], terms[self._count :]
        self._headline = [SD_5M[asset] * HEADLINE_SIZE for asset in ALL_ASSETS]
        self._calm = math.sqrt(1 - NEWS_SHARE)
        self._news_probability = NEWS_RATE * step
        # a news step is drawn with an exponential variance, which makes it Laplace distributed
        self._news = math.sqrt(NEWS_SHARE / self._news_probability)
        self._headline_probability = HEADLINE_RATE * step
        self._every = max(1, SECOND // grid)  # grid steps between moves of the volatility
        dt = self._every * step
        self._decay = [math.exp(-dt / time) for time, _ in VOLATILITY_PARTS]
        self._kick = [sd * math.sqrt(1 - d * d) for d, (_, sd) in zip(self._decay, VOLATILITY_PARTS, strict=True)]
        # a desk that opens sees a market somewhat livelier than the mean, as the recordings are
        self._parts = [sd * (0.6 + 0.3 * random.gauss(0.0, 1.0)) for _, sd in VOLATILITY_PARTS]
        self._mood_decay = math.exp(-dt / _MOOD_TIME)
        self._mood_kick = _MOOD_SD * math.sqrt(1 - self._mood_decay**2)
        self._steps = 0
        self.activity = 1.0  # volatility now / its root mean square
        self._mood = 0.0
        self.attention = 1.0  # what the rate of events in all books is multiplied by
        self._set_activity()
        self._ring = [[math.log(prices[asset]) for asset in ALL_ASSETS] for _ in range(_MEMORY)]
        self._head = 0

    def _set_activity(self) -> None:
        self.activity = min(6.0, math.exp(sum(self._parts) - _VARIANCE_OF_LOG))
        self.attention = self.activity * math.exp(self._mood - _MOOD_SD**2 / 2)

    def advance(self, ts: int) -> None:
        """Move to the last grid time that is not after `ts`."""
        random = self._random
        gauss, own, count = random.gauss, self._minors.gauss, self._count
        while self.now + self.grid <= ts:
            self.now += self.grid
            self._steps += 1
            if self._steps % self._every == 0:
                self._parts = [
                    part * decay + kick * gauss(0.0, 1.0)
                    for part, decay, kick in zip(self._parts, self._decay, self._kick, strict=True)
                ]
                self._mood = self._mood * self._mood_decay + self._mood_kick * gauss(0.0, 1.0)
                self._set_activity()
            scale = self.activity * self._calm
            draw = random.random()
            if draw < self._news_probability:
                scale = self.activity * self._news * math.sqrt(random.expovariate(1.0))
            common = gauss(0.0, 1.0)
            before = self._ring[self._head]
            after = [
                x + scale * sd * (c * common + o * gauss(0.0, 1.0))
                for x, (sd, c, o) in zip(before, self._terms, strict=False)
            ]
            after += [
                x + scale * sd * (c * common + o * own(0.0, 1.0))
                for x, (sd, c, o) in zip(before[count:], self._minor_terms, strict=True)
            ]
            if draw > 1.0 - self._headline_probability:
                draws = [gauss(0.0, 1.0) for _ in self._terms] + [own(0.0, 1.0) for _ in self._minor_terms]
                terms = (*self._terms, *self._minor_terms)
                after = [
                    x + h * (c * common + o * mine)
                    for x, h, (_, c, o), mine in zip(after, self._headline, terms, draws, strict=True)
                ]
            self._head = (self._head + 1) % _MEMORY
            self._ring[self._head] = after

    def at(self, asset: int, lag: int = 0) -> float:
        """The log price of the asset of that index, `lag` grid steps ago."""
        return self._ring[self._head - lag][asset]
