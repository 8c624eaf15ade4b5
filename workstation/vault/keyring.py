"""The operating system's keyring, where there is one: an option beside the passphrase file, never a must."""

from __future__ import annotations

from typing import Any

_SERVICE = "tws"


class NoKeyring(Exception):
    """There is no usable keyring here; the text says why."""


def _keyring() -> Any:
    import importlib

    try:
        keyring = importlib.import_module("keyring")
        backend = keyring.get_keyring()
    except ImportError:
        raise NoKeyring("The package keyring is not installed: pip install keyring, or leave --keyring out.") from None
    except Exception as error:
        raise NoKeyring(f"The keyring of this machine cannot be used ({type(error).__name__}).") from None
    if getattr(backend, "priority", 0) <= 0 or "fail" in type(backend).__module__:
        raise NoKeyring("This machine has no keyring (no desktop session?): leave --keyring out.")
    return keyring


def put(name: str, secret: str) -> None:
    """Raises NoKeyring."""
    keyring = _keyring()
    try:
        keyring.set_password(_SERVICE, name, secret)
    except Exception as error:
        raise NoKeyring(f"The keyring did not take it ({type(error).__name__}).") from None


def get(name: str) -> str:
    """Raises NoKeyring."""
    keyring = _keyring()
    try:
        found = keyring.get_password(_SERVICE, name)
    except Exception as error:
        raise NoKeyring(f"The keyring did not answer ({type(error).__name__}): is it locked?") from None
    if found is None:
        raise NoKeyring(f"The keyring has no {name} any more.")
    return str(found)


def delete(name: str) -> None:
    """Raises NoKeyring."""
    keyring = _keyring()
    try:
        keyring.delete_password(_SERVICE, name)
    except Exception as error:
        raise NoKeyring(f"The keyring did not remove it ({type(error).__name__}).") from None
