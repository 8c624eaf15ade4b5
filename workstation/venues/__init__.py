"""Where orders go and prices come from: the venue contract and its implementations."""
