"""Streams: ``idp serve --streams``, where resource servers follow the revocation log as it is written.

    feed     one reader of the log per process, twenty-five times a second, one statement each time
    window   the latest part of the log in memory, encoded once for everybody
    hub      who follows: seats, where each has got to, who has to leave and why
    wire     server-sent events (HTML Living Standard 9.2)
    app      the ASGI application: requests in, streams, long polls and pages out

Why a process of its own: a stream holds its connection for minutes, and the threads that answer sign-ins
would run out at a dozen of them. Here a stream is a coroutine and a number, its place in the log; there is
no queue per stream, so whoever reads slowly costs nothing but their own freshness.

Why nothing is told between processes: the log in SQL is the one truth, and reading its head costs a
fraction of a millisecond. What a follower is told is therefore never ahead of what has been committed and
never more than one reading behind.
"""
