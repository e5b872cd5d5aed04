"""What can be proven about the rules, over the whole space of facts and requests: `signaltable policies check`.

Exact, not sampled. What one rule costs doubles at worst with each fact it looks at (each item of a list is one), and is
far less when its tests are alike; pairs of rules are compared as wholes. A gap joins all rules, so it costs most where
many rules share no facts: the shipped rules take half a second, 200 invented rules of six random tests eight seconds,
and the worst that was tried, 50 of those, 25. The cost of the grounds grows with kinds of agencies squared times
purposes and persons, and with the different companies in which rows stand.
"""

from signaltable.analysis.check import analyse, check_folder
from signaltable.analysis.found import KINDS, FalseFinding, Found

__all__ = ["KINDS", "FalseFinding", "Found", "analyse", "check_folder"]
