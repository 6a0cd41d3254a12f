"""One change of many subscribers, as a job that can be undone."""
