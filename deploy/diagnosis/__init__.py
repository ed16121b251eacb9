"""What ./headwater doctor looks at (facts), how it is read (read_facts, listen), and what is made of it (check_*)."""
