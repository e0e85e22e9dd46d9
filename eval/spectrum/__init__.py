"""The map of the spectrum: dial positions, budgets and checkpoints of one run in one rating pool."""
