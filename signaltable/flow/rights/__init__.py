"""Rights beside those of a role: for some time, in acute danger, and the yearly look at all of them.

`held` says which roles somebody has at a moment, `mixing` which roles one person cannot have together; `grants` gives roles
for some time; `opening`, `reading` and `looking_back` are access in acute danger; `lines`, `reviews` and `papers` the yearly
review.
"""
