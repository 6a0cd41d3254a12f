"""Subscribers, tags, custom fields and sequences: the rules for their values, and the queries of each table."""
