"""Where the user's files live. `TWS_HOME` puts all of them into one folder (tests, several desks on one machine)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

#: No two of them share a store.
MODES = ("demo", "replay", "paper", "live")


class Paths(msgspec.Struct, frozen=True):
    """The three folders of `tws`; whoever writes into one makes it."""

    config: Path
    data: Path
    state: Path

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Paths:
        """The folders of this user by the rules of the platform, or those inside `TWS_HOME`."""
        if home := environ.get("TWS_HOME"):
            folder = Path(home).expanduser().absolute()
            return cls(config=folder, data=folder / "data", state=folder / "state")
        from platformdirs import PlatformDirs  # 25 ms, only where it is needed

        dirs = PlatformDirs("tws", appauthor=False)
        return cls(config=dirs.user_config_path, data=dirs.user_data_path, state=dirs.user_state_path)

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def vault(self) -> Path:
        """API keys and addresses for notifications, encrypted."""
        return self.config / "vault.json"

    @property
    def plugins(self) -> Path:
        """Drop-in panes."""
        return self.config / "plugins"

    @property
    def layouts(self) -> Path:
        """Layouts of the screen as files, to be shared."""
        return self.config / "layouts"

    @property
    def strategies(self) -> Path:
        """Drop-in strategies."""
        return self.config / "strategies"

    @property
    def recordings(self) -> Path:
        return self.data / "recordings"

    @property
    def exports(self) -> Path:
        """Tables that were exported from the screen."""
        return self.data / "exports"

    @property
    def what_ifs(self) -> Path:
        """The stores of what-ifs, each gone when it is left."""
        return self.data / "what-if"

    @property
    def candles(self) -> Path:
        """Candle history: Parquet files and their catalogue, the same for all modes."""
        return self.data / "candles"

    @property
    def markets(self) -> Path:
        """What the real venues list, as they were last asked."""
        return self.data / "markets"

    def store(self, mode: str, profile: str | None = None) -> Path:
        """The store's file of a mode ("demo", "replay", "paper", "live"): no two modes share one, nor do two profiles
        with real venues."""
        return self.data / (f"{mode}-{profile}.sqlite" if profile and mode in ("paper", "live") else f"{mode}.sqlite")
