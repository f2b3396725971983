"""What to show a customer next, learned from what customers bought and looked at.

settings.py       how lists are made, with defaults (section [recommend] of floorwalker.toml)
interactions.py   who touched what, in order: the data every recommender learns from
interface.py      what a recommender is: fit, score, recommend, explain, save, load
ranking.py        the k best of many scores, ranks with ties against the model, hard exclusions
popularity.py     what sells, all-time or recently: the bar to beat, and the filler
item_knn.py       item neighbours with BM25 weights and a query that forgets
protocols.py      leave-one-out A and B, split by time: which rows train, which are asked for
evaluator.py      NDCG, recall, MRR, coverage, users served, intervals; choice on validation
lists.py          lists of many customers in blocks, filled up to their length by what is popular
saving.py         arrays and names in a folder, without pickle
steps.py          the step of a run: gold.recommendations and its tables
"""
