"""What an Explorer shows of a run, apart from the notebook: columns, label issues, media, curves, maps, named views."""
