"""The portfolio process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from workstation.portfolio.desk import (
    AllocateRequest,
    ContributionsRequest,
    FrontierRequest,
    Request,
    RiskRequest,
    WarmRequest,
)
from workstation.portfolio.problem import PortfolioError
from workstation.sideline.worker import Work, sentence_of, serve


class Portfolios:
    """Answers one question after another."""

    def is_long(self, request: Request) -> bool:
        return False

    def sentence(self, error: Exception, trace: str) -> str:
        return sentence_of(error, trace, (PortfolioError,))

    def do(self, request: Request, tell: Callable[[Any], None], called_off: Callable[[], bool]) -> Any:
        match request:
            case WarmRequest():
                import clarabel  # noqa: F401
                import scipy.cluster.hierarchy
                import scipy.sparse  # noqa: F401

                return None
            case AllocateRequest():
                from workstation.portfolio.optimise import allocate

                return allocate(request.prices, request.problem, leave_out=request.leave_out)
            case ContributionsRequest():
                import numpy as np

                from workstation.portfolio.inputs import prepare
                from workstation.portfolio.optimise import contributions

                inputs = prepare(request.prices, request.problem, leave_out=False)
                rows = np.frombuffer(request.weights, dtype=np.float64).reshape(-1, len(request.prices.assets))
                return np.array([contributions(inputs, row) for row in rows])
            case RiskRequest():
                from workstation.portfolio.risk_report import report

                return report(request.question)
            case FrontierRequest():
                from workstation.portfolio.frontier import frontier

                return frontier(
                    request.prices,
                    request.problem,
                    request.points,
                    leave_out=request.leave_out,
                    progress=lambda done, total: tell((done, total)),
                    called_off=called_off,
                )


def _make() -> Work:
    import workstation.portfolio.frontier
    import workstation.portfolio.optimise  # noqa: F401  # every question needs them: loaded before the first comes

    return Portfolios()


if __name__ == "__main__":
    # the products are small and come one after another: more threads would only wait for each other
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    serve(_make)
