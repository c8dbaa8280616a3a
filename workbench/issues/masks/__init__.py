"""Find errors in masks."""
