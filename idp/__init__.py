"""idp: an OAuth 2.1 / OpenID Connect identity provider whose sessions end when you end them.

The map, and who may import whom (import-linter holds it, ``make lint``):

    cli, wsgi                 commands; the WSGI object and its housekeeper
      └─ app                  composition root: settings → storage → services → blueprints
          ├─ fast_lane        what programs ask most, answered in front of Flask
          ├─ web              pages for people            ┐ never import each other:
          ├─ oidc → oauth     the protocol on the wire    ┘ they meet at URLs and at the stored Interaction
          │    └─ browser     cookie ↔ Session and Device; pages, authorization and logout only
          │         └─ services     what can be done: the only place where state changes
          │              ├─ jose    sign and verify; the only server-side importer of PyJWT
          │              └─ domain  what is true: frozen values and rules; standard library only
          └─ storage → domain       how it is kept: tables, SQL stores, the hot copy in Redis, clock, chance, vault

    settings, errors, logs, paths   seen by all that need them (domain needs none, storage only errors)
    every_request                   whose host a request names, how it may ask, how errors on protocol addresses look
    outgoing, fetch_slots           the SSRF guard; how many fetches go at a time, for each purpose
    client_address, underscores     whose address a request came from, and who could have written it
    metrics, bodies, again          WSGI, outermost: numbers; bodies in time; a lost transaction is done again
    signing_out                     what people see while an ending is not confirmed by the hot copy
    resource_server                 SDK for APIs that accept our tokens; imports nothing else of idp
    demo                            a third-party app and a protected API, for ``make demo`` and the journeys

To follow one request: ``app`` mounts ``oauth.rfc6749_authorize``, which asks ``services.interactions``,
which asks ``domain.decision``; pages answer, ``services.codes`` issues; ``oauth.rfc6749_token`` redeems.
"""
