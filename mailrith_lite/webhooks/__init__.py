"""Subscriptions to events, and the delivery of each event as a signed request."""
