"""Whether this machine has a network at all, told without sending anything."""

from __future__ import annotations

import socket

#: Addresses that are kept for examples (RFC 5737, RFC 3849): there is a way to them wherever there is one to anywhere.
_ANYWHERE = ((socket.AF_INET, ("192.0.2.1", 9)), (socket.AF_INET6, ("2001:db8::1", 9)))

NO_NETWORK = "this machine has no network"


def has_network() -> bool:
    """Whether there is a way out: choosing where a datagram would go sends none."""
    for family, address in _ANYWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asked:
                asked.connect(address)
        except OSError:
            continue
        return True
    return False
