"""Workspaces, their API keys, and the scopes of the keys."""
