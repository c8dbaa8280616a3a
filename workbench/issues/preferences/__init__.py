"""Find wrong preferences: the other answer is better, both are equally good, or the better one is poor.

preference_evidence   validated scores and judgements, and features of a pair
noisy_choice          a choice model whose labels may be wrong, fitted by maximum likelihood
estimator             the estimator for `find_issues`, with reasons in words
"""
