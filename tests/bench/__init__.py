"""``make bench``: the provider beside two peers and bare functions, in one run, as ratios.

Everything is made for one run and goes with it: databases, servers, keys, people. The peers are installed
once, into ``~/.cache/idp-bench``; everything talks to 127.0.0.1 alone, and a run ends only what it started.
``python -m tests.bench --help``.
"""
