"""What ``idp demo`` runs: a third-party app and a protected API beside the provider, on this machine.

Map: ``run`` starts and stops everything; ``seed`` puts ``people``, clients and a resource into the
provider's stores; ``app`` is an app as somebody else would write it (Authlib's Flask client) and
``visits`` its memory; ``api`` accepts our tokens through the SDK, ``mcp`` is the same for agents; ``places``
says who stands where.

``app`` and ``api`` import nothing of the provider: they know it by discovery alone.
"""
