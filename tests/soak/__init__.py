"""Faults: processes killed, disks full, writes dropped, days gone by.

Each module has one function that does it so many times and returns figures; the suite
calls it a few times (`test_events`), ``make soak`` many (`__main__`). Nothing in here
may know how the service keeps its promises, but for the name of its file.
"""
