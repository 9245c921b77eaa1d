"""OpenID Connect on the wire: one file per specification. May import ``oauth``, which never imports back."""
