"""Tables: delimited text and workbooks, rows below a header."""
