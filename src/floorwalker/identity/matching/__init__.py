"""Probabilistic matching: which records that share no sure identifier are one person all the same.

`comparisons` says how two records are compared, `blocking` which pairs are, `vectors` has Splink compare them,
`patterns` counts what comes out, `training` learns a `model` from it, `scoring` weighs pairs by a model,
`duckdb_scoring` on DuckDB.
"""
