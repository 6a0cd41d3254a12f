"""What a workspace defines: its tags, custom fields, sequences and segments, and how they change and end."""
