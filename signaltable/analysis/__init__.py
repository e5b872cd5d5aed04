"""What can be proven about the rules, over the whole space of facts and requests: `signaltable policies check`.

Exact, not sampled. The cost of the meldroutes grows with the number of rules times the number of facts that one rule
looks at together (each item of a list counts); only that last number counts double each time. Pairs of rules are
compared as wholes, which costs little more than reading both. The cost of the grounds grows with kinds of agencies
squared times purposes, persons and, once per company of rows, categories. The shipped rules take half a second.
"""

from signaltable.analysis.check import analyse, check_folder
from signaltable.analysis.found import KINDS, FalseFinding, Found

__all__ = ["KINDS", "FalseFinding", "Found", "analyse", "check_folder"]
