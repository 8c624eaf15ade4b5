"""Rate limits by fixed windows of time, as exchanges count them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Window:
    """At most `limit` in each `seconds`, counted from whole multiples of them."""

    seconds: int
    limit: int
    used: dict[str, tuple[int, int]] = field(default_factory=dict)  # who → (window, used)

    def take(self, who: str, now_ms: int, weight: int = 1) -> int:
        """Count it; what is used in this window now, which may be more than the limit."""
        window = now_ms // (self.seconds * 1000)
        last, used = self.used.get(who, (window, 0))
        used = weight if last != window else used + weight
        self.used[who] = (window, used)
        return used

    def shown(self, who: str, now_ms: int) -> int:
        return self.take(who, now_ms, 0)

    def again_in(self, now_ms: int) -> int:
        """Seconds until the next window, rounded up."""
        span = self.seconds * 1000
        return -(-(span - now_ms % span) // 1000)
