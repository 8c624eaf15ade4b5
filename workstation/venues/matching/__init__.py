"""The one matching engine: our orders against an external market. Pure and deterministic; time is an input."""

from workstation.venues.matching.engine import MatchingEngine
from workstation.venues.matching.models import (
    AdverseTicks,
    ConstantLatency,
    FeeModel,
    FixedFees,
    FixedTicks,
    InstrumentFees,
    JitterLatency,
    LatencyModel,
    NoSlippage,
    ProbabilisticQueue,
    QueueModel,
    RiskAverseQueue,
    SlippageModel,
)
from workstation.venues.matching.working import WorkingOrder

__all__ = [
    "AdverseTicks",
    "ConstantLatency",
    "FeeModel",
    "FixedFees",
    "FixedTicks",
    "InstrumentFees",
    "JitterLatency",
    "LatencyModel",
    "MatchingEngine",
    "NoSlippage",
    "ProbabilisticQueue",
    "QueueModel",
    "RiskAverseQueue",
    "SlippageModel",
    "WorkingOrder",
]
