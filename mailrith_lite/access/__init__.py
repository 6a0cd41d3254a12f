"""Workspaces, the API keys that open them, and what a key may do."""
