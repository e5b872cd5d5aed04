"""Reports on paper: what an auditor concluded, and who saw somebody's data. Pure: values in, bytes out."""
