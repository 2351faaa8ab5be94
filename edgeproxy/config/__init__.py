"""The configuration: one frozen record per table, loaded in layers, then checked.

Every message names the file (or variable, or option) and the key. Rooms never see
these records; they are given plain values.
"""
