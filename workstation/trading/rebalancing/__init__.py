"""Rebalancing: target weights → orders, and one durable plan that works them."""
