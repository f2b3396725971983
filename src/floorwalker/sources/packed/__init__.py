"""What a delivered file holds when it is no plain text: archives, compressed files, workbooks.

- `archives` zip and tar, member by member
- `compressed` gzip, zstd, bzip2 and xz, told by content
- `workbook` XLSX: its sheets, styles and texts
- `cells` XLSX: the rows of one sheet
- `unpacking` what is in a file: the pieces that are read
"""
