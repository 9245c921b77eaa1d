"""``make guards``: every attack of ``security.md`` that concerns the protocol has a test that fails without its guard.

    python -m tests.guards                 # every guard; a table, and 1 if one can be removed unnoticed
    python -m tests.guards --only refresh  # those whose row, name or file has the word; --jobs N at once

A guard is a few characters of ``idp`` and what stands there when it is taken away (``entry``); the files of this
folder that are called after an area list them, ``catalogue`` the rows of security.md that they answer, and why some
need none here. Each is removed in a copy of the tree, one at a time (``removal``); the tests that it names must then
fail, every one, by an assertion of their own: a patched program that does not start proves nothing.
"""
