"""Execution algorithms: one quantity worked in slices, by time, by usual volume, by share of the volume, or hidden."""
