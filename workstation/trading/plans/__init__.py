"""The pure core of contingent orders: what a plan wants next, given its orders, the position and the market."""
