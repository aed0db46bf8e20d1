"""Projects that use the installed package: how they begin, gain entries, and follow upgrades."""
