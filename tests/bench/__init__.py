"""``make bench``: requests per second, latency and storage, beside a bare Flask route on the same server.

Everything is made for one run and goes with it: databases, servers, keys, people. It talks to 127.0.0.1
alone and ends only what it started. ``python -m tests.bench --help``.
"""
