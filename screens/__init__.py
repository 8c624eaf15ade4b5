"""The Textual shell of the desk: workspace, panes' base classes, actions, dialogs, themes."""
