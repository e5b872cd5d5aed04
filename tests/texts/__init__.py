"""Invented accounts of signals with their identifying words marked: half to tune the scan on, half held out."""
