"""Undoes an import, but no later change."""
