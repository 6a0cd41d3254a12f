"""The look of every page: base template, style, scripts. A page loads nothing from another host."""
