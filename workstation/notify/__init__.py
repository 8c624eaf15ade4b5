"""Notes to the trader's phone or chat: what is worth one, how often, and the way there."""
