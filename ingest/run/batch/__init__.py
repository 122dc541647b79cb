"""One path for rows: from documents to what is stored, for a whole run or a part of it."""
