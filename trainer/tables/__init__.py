"""How a table is read: its file, its columns, and what their cells become."""
