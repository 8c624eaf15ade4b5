"""A loopback exchange for tests: real wire protocols on 127.0.0.1, the desk's own matching engine behind them."""

from tests.support.exchange.faults import Fault, Kind
from tests.support.exchange.floor import Login
from tests.support.exchange.server import RICH, LoopbackExchange

__all__ = ["RICH", "Fault", "Kind", "Login", "LoopbackExchange"]
