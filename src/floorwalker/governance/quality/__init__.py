"""Quality with history: what a run's tables look like, how that compares with what is usual, and what is odd in words.

In: tables, the deliveries of a run, test results. Out: measurements kept per run, and anomalies.

    settings     what can be set                    statistics   bands, weekdays, stability of distributions
    measure      one look at a table                history      what earlier runs looked like
    anomalies    comparisons, in plain words        causes       one sentence per cause
"""
