"""The modules of the OpenID Foundation's test plans, as tests: one per module, called like it.

Map: ``plans`` names plans and modules, ``reasons`` says why some do not apply, ``test_every_module`` compares.
``suite`` is what a module works with: its registered clients (``party``), its script-less browser (``browser``),
and an https host of its own (``host``) where the provider finds keys and delivers notices. A test runs once for
each plan that names its module; ``suite.plan`` says in which.
"""
