"""Undoes an import, without undoing what people have done since."""
