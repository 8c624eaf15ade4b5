"""The journal: every event of a session, and the desk at any moment of it."""

from plugins.journal.pane import JournalPane

__all__ = ["JournalPane"]
