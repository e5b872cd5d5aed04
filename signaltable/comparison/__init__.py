"""What differs between two sets of rules: file by file, rule by rule, for facts that were told, and for what may go. Pure."""
