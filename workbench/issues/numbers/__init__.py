"""Find wrong numbers: predictions and their spread, named causes of errors, swapped rows, ratings as ordinal classes.

scales     the scale on which residuals are judged      swaps      swapped digits and swapped rows
fits       leave-one-out predictions from features      ratings    few values on a grid
spread     spread of correct numbers around them        column     all steps for one column
mixture    correct, or wrong by a named cause           estimator  the estimator for `find_issues`
"""
