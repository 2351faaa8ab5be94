"""HTTP/1.1, server and client; knows nothing of clouds or devices.

The core is sans-IO and imports nothing of Twisted: `grammar`, `limits`, `errors`,
`head`, `requesthead`, `responsehead`, `chunked`, `reader`, `writer`. On it stand the
server (`server`, `channel`, `request`) and the client (`pool`,
`connection`, `agent`), which share `body`: bytes that arrive under back-pressure.
What is true of one upstream or one kind of device only does not belong here.
"""
