"""The content of an Explorer, independent of the notebook: columns, label issues, media, curves, maps, named views."""
