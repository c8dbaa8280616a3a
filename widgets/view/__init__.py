"""What an Explorer shows of a run, apart from the notebook: columns, suspects, media, curves, maps, named views."""
