"""The WSGI object, ``idp.wsgi:app``, for ``idp serve`` and for any other WSGI server.

Importing it reads the settings from the environment, opens the stores and starts the housekeeping and
the deliveries of this process; a server that forks must import it in each worker, as connections and
threads do not survive a fork.
"""

from . import courier, housekeeper
from .app import create_app
from .settings import load

settings = load()
app = create_app(settings)
housekeeper.end_with_parent()
if settings.housekeeping:
    housekeeper.start(app.extensions["idp"].services.housekeeping)
    courier.start(app.extensions["idp"].deliveries, threads=4)
