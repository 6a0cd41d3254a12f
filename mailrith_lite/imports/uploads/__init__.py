"""Uploads: files received for an import, and what an analysis says about them."""
