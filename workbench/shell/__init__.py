"""The command `workbench`: arguments and printing (`cli`), what each command does (`commands`)."""
