"""HTTP/1.1, server and client; knows nothing of clouds or devices.

The core is sans-IO and imports nothing of Twisted: `grammar`, `limits`, `errors`,
`head`, `requesthead`, `responsehead`, `memo`, `chunked`, `reader`, `writer`. On it
stand `server` and `client`, which share `body` (bytes that arrive under back-pressure),
`turn` and `immediate` (when they leave). `relay` and `tunnel` join the two. What is
true of one upstream or one kind of device only does not belong here.
"""
