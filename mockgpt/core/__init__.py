"""Everything that decides, as pure functions of values: no sockets, no files, no clock, no chance."""
