"""Each kind of source into rows: lines, tables, columns, objects of Python."""
