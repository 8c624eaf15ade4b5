"""The vault keeps what it was given, for who has the passphrase alone, and nothing of it shows anywhere else."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from workstation.vault import ApiKey, Entry, Kind, Vault, VaultError, keyring, sealing
from workstation.vault.secrets import Address
from workstation.venues.ccxt.settings import Credentials

KEY = ApiKey(key="planted-key-1f", secret="planted-secret-2e", password="planted-password-3d")
NOVA = Entry(kind=Kind.VENUE, name="nova", added="2026-01-05")


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """A passphrase is hashed in a millisecond; that the real cost works is a test of its own."""
    derive = sealing.derive
    monkeypatch.setattr(sealing, "derive", lambda words, salt, n=2, r=1, p=1: derive(words, salt, 2, 1, 1))


def vault(path: Path, words: str = "correct horse") -> Vault:
    return Vault(path / "vault.json", lambda fresh: words)


def test_what_was_kept_comes_back(tmp_path):
    vault(tmp_path).put(NOVA, KEY)
    assert vault(tmp_path).api_key("nova") == KEY
    assert vault(tmp_path).api_key("orca") is None


def test_nothing_secret_stands_in_the_file_and_only_the_owner_may_read_it(tmp_path):
    vault(tmp_path).put(NOVA, KEY)
    text = (tmp_path / "vault.json").read_text()
    assert "planted" not in text
    assert "nova" in text  # names may be listed without the passphrase
    assert stat.S_IMODE((tmp_path / "vault.json").stat().st_mode) == 0o600


def test_entries_are_listed_without_the_passphrase(tmp_path):
    vault(tmp_path).put(NOVA, KEY)

    def nobody(fresh: bool) -> str:
        raise AssertionError("asked")

    assert Vault(tmp_path / "vault.json", nobody).entries() == [NOVA]


def test_a_wrong_passphrase_opens_nothing_and_adds_nothing(tmp_path):
    vault(tmp_path).put(NOVA, KEY)
    before = (tmp_path / "vault.json").read_bytes()
    with pytest.raises(VaultError, match="passphrase does not open"):
        vault(tmp_path, "wrong").api_key("nova")
    with pytest.raises(VaultError, match="passphrase does not open"):
        vault(tmp_path, "wrong").put(Entry(kind=Kind.VENUE, name="orca"), KEY)
    with pytest.raises(VaultError, match="passphrase does not open"):
        vault(tmp_path, "wrong").unlock(Kind.VENUE)
    assert (tmp_path / "vault.json").read_bytes() == before


def test_a_right_passphrase_is_asked_for_once(tmp_path):
    asked = []
    kept = Vault(tmp_path / "vault.json", lambda fresh: asked.append(fresh) or "correct horse")
    kept.put(NOVA, KEY)
    kept.put(Entry(kind=Kind.VENUE, name="orca"), KEY)
    kept.api_key("nova")
    assert asked == [True]  # and it was a new one
    other = Vault(tmp_path / "vault.json", lambda fresh: asked.append(fresh) or "correct horse")
    other.unlock(Kind.NOTIFY)  # there is none of that kind: nothing to ask for
    other.unlock(Kind.VENUE)
    other.api_key("nova")
    assert asked == [True, False]


def test_entries_that_somebody_swapped_are_refused(tmp_path):
    kept = vault(tmp_path)
    kept.put(NOVA, KEY)
    kept.put(Entry(kind=Kind.VENUE, name="orca"), ApiKey(key="other", secret="other"))
    path = tmp_path / "vault.json"
    document = json.loads(path.read_text())
    one, two = document["secrets"]
    one["sealed"], two["sealed"] = two["sealed"], one["sealed"]
    path.write_text(json.dumps(document))
    with pytest.raises(VaultError, match=r"venue:nova .* changed by somebody"):
        vault(tmp_path).api_key("nova")


def test_another_passphrase_for_everything(tmp_path):
    kept = vault(tmp_path)
    kept.put(NOVA, KEY)
    kept.put(Entry(kind=Kind.NOTIFY, name="phone"), Address("json://planted"))
    assert kept.change_passphrase("battery staple") == 2
    assert vault(tmp_path, "battery staple").api_key("nova") == KEY
    assert vault(tmp_path, "battery staple").address("phone") == "json://planted"
    with pytest.raises(VaultError, match="does not open"):
        vault(tmp_path).api_key("nova")


def test_what_was_removed_is_gone(tmp_path):
    kept = vault(tmp_path)
    kept.put(NOVA, KEY)
    assert kept.remove(Kind.VENUE, "nova")
    assert not kept.remove(Kind.VENUE, "nova")
    assert kept.api_key("nova") is None


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
def test_a_file_that_others_may_read_is_refused(tmp_path):
    vault(tmp_path).put(NOVA, KEY)
    (tmp_path / "vault.json").chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        vault(tmp_path).entries()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": "tws-vault-9"}', '{"format": "tws-vault-1", "more": 1}']
)
def test_what_is_no_vault_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "vault.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(VaultError, match="not a vault of this version"):
        vault(tmp_path).put(NOVA, KEY)
    assert path.read_text() == content


def test_no_text_of_a_secret_shows_it():
    for secret in (KEY, Address("json://planted"), Credentials(key="planted-key", secret="planted-secret")):
        for shown in (repr(secret), str(secret), f"{secret}", repr({"a": secret}), pretty_repr({"a": secret})):
            assert "planted" not in shown


def test_a_crash_that_shows_its_variables_shows_no_secret():
    """As Textual shows one when the desk fails."""
    credentials, kept, shown = Credentials(key=KEY.key, secret=KEY.secret), [KEY], io.StringIO()
    try:
        raise RuntimeError(f"with {credentials} and {kept}")
    except RuntimeError:
        Console(file=shown, width=150).print(Traceback(show_locals=True))
    assert "credentials = Credentials(" in shown.getvalue()
    assert KEY.key not in shown.getvalue()
    assert KEY.secret not in shown.getvalue()


def test_without_a_keyring_the_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(VaultError, match="keyring is not installed"):
        vault(tmp_path).put(Entry(kind=Kind.VENUE, name="nova", where="keyring"), KEY)


def test_a_secret_in_the_keyring_is_not_in_the_file(tmp_path, monkeypatch):
    ring: dict[str, str] = {}
    monkeypatch.setattr(keyring, "put", ring.__setitem__)
    monkeypatch.setattr(keyring, "get", ring.__getitem__)
    monkeypatch.setattr(keyring, "delete", ring.__delitem__)
    kept = Vault(tmp_path / "vault.json", lambda fresh: pytest.fail("no passphrase is needed"))
    kept.put(Entry(kind=Kind.VENUE, name="nova", where="keyring"), KEY)
    kept.unlock(Kind.VENUE)
    assert kept.api_key("nova") == KEY
    assert '"sealed": ""' in (tmp_path / "vault.json").read_text()
    kept.remove(Kind.VENUE, "nova")
    assert not ring


def test_the_command_keeps_lists_and_forgets_without_showing_anything_secret(tmp_path):
    environ = os.environ | {"TWS_HOME": str(tmp_path), "TWS_PASSPHRASE": "correct horse"}

    def tws(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "workstation.cli", "keys", *words]
        return subprocess.run(command, input=given, env=environ, capture_output=True, text=True, check=False)

    added = tws("add", "nova", "--password", given="planted-key\nplanted-secret\nplanted-password\n")
    assert added.returncode == 0, added.stderr
    listed = tws("list")
    assert listed.stdout.startswith("nova  in the file, since ")
    assert "planted" not in added.stdout + added.stderr + listed.stdout
    assert "planted" not in "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())
    real = "from workstation.vault.command_line import *; from workstation.paths import Paths; "
    real += "assert open_vault(Paths.of()).api_key('nova').secret == 'planted-secret'"
    subprocess.run([sys.executable, "-c", real], env=environ, check=True)
    assert tws("remove", "nova").returncode == 0
    again = tws("remove", "nova")
    assert (again.returncode, again.stderr) == (1, "tws: There is no key of 'nova'.\n")
    nothing = tws("add", "nova", given="\n\n")
    assert (nothing.returncode, nothing.stderr) == (1, "tws: Nothing was kept: a key and its secret are wanted.\n")
