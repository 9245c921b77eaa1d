"""Real processes, really killed, under load; and a checker that reads what their clients saw.

``python -m tests.faults`` (``make faults``) runs the matrix and then injects at random; the rows of
``reliability.md`` section 5 stand in ``matrix/`` under their numbers.
"""
