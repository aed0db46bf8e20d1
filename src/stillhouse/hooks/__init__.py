"""Hooks: functions of a project's own, which its configuration names (docs/extending.md)."""
