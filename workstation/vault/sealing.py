"""Encryption of the vault: scrypt (RFC 7914) makes a key of the passphrase, ChaCha20-Poly1305 (RFC 8439) seals.

What stands beside a sealed secret in the clear (its name, the venue) is authenticated with it: nobody can swap entries.
"""

from __future__ import annotations

import base64
import os

#: Cost of one guess: 2**16 × 8 × 128 bytes = 64 MB, some 0.2 s.
N, R, P = 2**16, 8, 1
_NONCE = 12


class WrongPassphrase(Exception):
    """The passphrase does not open it, or somebody has changed it."""


def new_salt() -> str:
    return _text(os.urandom(16))


def derive(passphrase: str, salt: str, n: int = N, r: int = R, p: int = P) -> bytes:
    """The 32-byte key of a passphrase; slow on purpose, so call it off the event loop."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=_bytes(salt), length=32, n=n, r=r, p=p).derive(passphrase.encode())


def seal(key: bytes, plain: bytes, beside: bytes) -> str:
    """`plain` encrypted under a fresh nonce, `beside` authenticated with it; text that JSON can hold."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    nonce = os.urandom(_NONCE)
    return _text(nonce + ChaCha20Poly1305(key).encrypt(nonce, plain, beside))


def unseal(key: bytes, sealed: str, beside: bytes) -> bytes:
    """Raises WrongPassphrase."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    try:
        whole = _bytes(sealed)
        return ChaCha20Poly1305(key).decrypt(whole[:_NONCE], whole[_NONCE:], beside)
    except (InvalidTag, ValueError):
        raise WrongPassphrase from None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
