"""Which numbers are wrong: predictions with their spread, named causes, swapped rows, ratings as ordered choice.

scales     the scale on which residuals are judged          swaps      two rows that hold each other's number
fits       predictions left out, from features              ratings    few values on a grid
spread     how far a right number lies from them            estimator  all of it, for `find_issues`
mixture    right, or wrong by a named cause
"""
