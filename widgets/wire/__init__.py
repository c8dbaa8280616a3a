"""Communication between Python and the page: compact arrays and sets of rows, traits, keymaps."""
