"""Riskfolio-Lib, loaded when it is first needed: it takes some ten seconds."""

from __future__ import annotations

import warnings
from typing import Any


def library() -> tuple[Any, Any]:
    """pandas and Riskfolio-Lib."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        import riskfolio as rp

    return pd, rp
