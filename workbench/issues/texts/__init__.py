"""Find texts that do not fit their items.

evidence   validated input              matches    match scores of several sources: weights, a mixture of two normals
pair_views scores of any (item, text)   mismatch   given pairs against random pairs: probabilities and their number
coverage   known objects in texts       judged_texts  all of it, for a column
estimator  the estimator for `find_issues`    words      reasons in words
"""
