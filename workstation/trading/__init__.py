"""Orders, risk, positions and the kill switch."""
