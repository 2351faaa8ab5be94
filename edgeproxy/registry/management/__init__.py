"""The Device Registry Management API v1 of Hono: an OpenAPI document, and who does it.

`document` says what there is; paths, methods, parameters and bodies are checked from
it. `registrar` makes the changes, in a thread of its own. Nothing here knows of doors
or messages.
"""
