"""The helper process that reads texts with `deduce`, which needs a gigabyte: one beside the program, not one in each worker.

It listens on a Unix socket in the home. A text goes in and places come out; nothing of a text is written down anywhere.
"""
