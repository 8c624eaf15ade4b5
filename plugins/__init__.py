"""The built-in panes. Each is found by its entry point in the group `tws.panes`, as any other pane is."""
