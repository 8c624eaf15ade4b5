"""The account: equity over time, balances by venue and currency, and what each day and each strategy brought."""

from plugins.account.pane import AccountPane

__all__ = ["AccountPane"]
