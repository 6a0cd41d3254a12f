"""Subscribers, tags, custom fields and sequences: the rules for their values, and one query module a table."""
