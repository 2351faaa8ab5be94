"""Key material, contexts and trust anchors, for every protocol.

Contexts are replaced, never changed in place: a connection keeps the one it was
made with.
"""
