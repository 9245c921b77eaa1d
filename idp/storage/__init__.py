"""How it is kept: tables and SQL stores, the hot copy in Redis, the real clock and chance, the vault, the sweeper.

Imports nothing of ``idp`` but ``domain`` and ``errors``; settings arrive as plain values.
``stores.build_stores`` makes everything that the services are given.
"""
