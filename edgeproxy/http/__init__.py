"""HTTP/1.1, server and client; knows nothing of clouds or devices."""
