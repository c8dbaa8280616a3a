"""The examples with their given labels, the user's arrays and columns, images and sounds."""
