"""The research process: what it does stands in `jobs`."""

from __future__ import annotations

from workstation.sideline.worker import Work, serve


def _make() -> Work:
    from workstation.research.bench.jobs import Jobs

    return Jobs()


if __name__ == "__main__":
    serve(_make)
