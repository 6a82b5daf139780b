"""The request ledger: what the load sent, beside what each tier counted, to the request.

``books`` is the whole of it: opened, shopped, closed, balanced. ``snapshot`` reads every exporter's page at a moment at
which nothing moves, before a run and after it, and ``stored`` the raw samples around both. ``counts`` says what
each tier counted, ``comparison`` holds them against each other, ``account`` is what came of that. ``latency`` lays the
quantiles of each tier beside one another, and ``text`` writes all of it down.
"""
