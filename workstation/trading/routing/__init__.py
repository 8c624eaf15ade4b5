"""Best of: one order split over the venues that list its asset, as one durable route."""
