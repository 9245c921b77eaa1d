"""What is true: frozen values and the rules about them.

Standard library only. Nothing here reads a clock, a database or a request; whatever a rule needs is
an argument. ``ports`` says what the services need from outside; ``storage`` provides it.
"""
