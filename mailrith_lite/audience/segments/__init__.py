"""Segments: saved definitions of an audience, compiled to SQL, and their counts."""
