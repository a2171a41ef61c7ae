"""Checkweigh: the second book. Quotas, shifts, records and honours on a ledger that nobody can rewrite unnoticed."""
