"""An Explorer without Python: one HTML file that opens anywhere, and a static picture for pages without widgets."""
