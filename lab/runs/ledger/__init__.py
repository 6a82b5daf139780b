"""The request ledger: compares the requests that Locust sent with the counts from every tier, down to the last request.

``snapshot`` reads all exporters at a moment when no counter changes, before and after a run. ``stored`` reads
Prometheus's raw samples around both snapshots. ``counts`` turns the increases into counts by tier, ``comparison``
compares them, and ``account`` holds the result. ``latency`` compares the tiers' quantiles. ``books`` puts all of this
together, and ``text`` prints it.
"""
