"""A loopback exchange from the shell, to try a desk against by hand.

    python -m tests.support.exchange --venue binance --port 0

It prints one line of JSON (its address, and what the ccxt class is built with) and runs until it is interrupted. With
`--home FOLDER` it also writes a config file there with the profiles `loop` (live) and `paper`:

    TWS_HOME=FOLDER TWSKEY_LOOP_KEY=loopback-key-main TWSKEY_LOOP_SECRET=loopback-secret-main tws --profile loop
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from pathlib import Path

from tests.support.exchange.server import LoopbackExchange


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.exchange", description=__doc__)
    parser.add_argument("--venue", default="binance", choices=["binance", "binanceusdm", "bybit"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.3, help="how busy the market is; 1 is a busy one")
    parser.add_argument("--no-limits", action="store_true", help="count no request weights")
    parser.add_argument("--home", type=Path, help="a folder for TWS_HOME: its config file is written")
    options = parser.parse_args()
    exchange = LoopbackExchange(
        options.venue, port=options.port, seed=options.seed, rate=options.rate, limits=not options.no_limits
    )
    with exchange:
        if options.home is not None:
            options.home.mkdir(parents=True, exist_ok=True)
            profiles = exchange.profile() + "\n" + exchange.profile("paper", "paper")
            (options.home / "config.toml").write_text(profiles)
        line = {"venue": options.venue, "address": exchange.address, "config": exchange.config()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
