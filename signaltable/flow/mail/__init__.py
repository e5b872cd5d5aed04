"""Mails: what goes when, how it reads, sending it, what comes back, and where its link leads.

A mail travels over networks and stays in mailboxes for years; so it says nothing that could not hang on a wall: that
something waits, and a link that works for one person. Rows are made in the transaction of what happened (flow/mailing.py);
`choosing` gathers them, `sending` sends them, both for the job.
"""
