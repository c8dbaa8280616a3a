"""Between Python and the page: arrays and sets of rows as few bytes, traits, keymaps."""
