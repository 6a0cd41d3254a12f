"""Segments: saved definitions of an audience, their compilation to SQL, and their counts."""
