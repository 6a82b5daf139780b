"""The request ledger: what the load sent, beside what each tier counted, to the request.

``cut`` reads every exporter's page at a moment at which nothing moves, before a run and after it. ``prometheus`` reads
the raw samples around both. ``account`` compares the tiers. ``latency`` lays the quantiles of each beside one another,
``text`` writes it all down, and ``books`` is the whole of it: open, shop, close.
"""
