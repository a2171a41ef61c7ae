"""The demonstration: the campaign of 1935 as a ledger, entry by entry, at its historical dates.

campaign.txt   what happened, as the sources have it: the entries, in order
building       campaign.txt -> a demonstration ledger
telling        the ledger -> what it shows, every figure from a derivation
"""

from .building import LEDGER, build, campaign

__all__ = ["LEDGER", "build", "campaign"]
