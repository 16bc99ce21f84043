"""Decide what to ask before paying: which calls can be answered ahead, and in which order."""
