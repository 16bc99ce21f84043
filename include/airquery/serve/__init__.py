"""A model server in one process: chat, embeddings, a lexicon and entities, from packages alone.

Start at `server.serve`: it binds the port, loads the models and prints one line with the URL.
`process.ServerProcess` runs the same server as a child process. Importing this package loads
nothing: neither aiohttp nor a model.
"""

from __future__ import annotations
