"""Uploads: files that are received for a later import, and what their analysis proposes."""
