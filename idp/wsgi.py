"""The WSGI object, ``idp.wsgi:app``, for ``idp serve`` and for any other WSGI server.

Importing it reads the settings from the environment and opens the stores; a server that forks must
import it in each worker, as connections do not survive a fork.
"""

from .app import create_app
from .logs import configure
from .settings import load

settings = load()
configure(settings.log_level)
app = create_app(settings)
