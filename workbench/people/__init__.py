"""Those who label: how good each annotator is, whether two agree beyond chance, how fast somebody decides."""
