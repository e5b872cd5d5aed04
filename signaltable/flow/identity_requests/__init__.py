"""Asking who somebody is: one subject, one ground, one purpose, two people of different roles, a quarter of an hour.

`ways` finds whom somebody may ask about, `asking` asks, `deciding` is the second person, `viewing` the quarter of an hour,
`ending` what time and people end, `lists` the history that nobody takes away.
"""
