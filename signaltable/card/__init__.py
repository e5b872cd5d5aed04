"""The meldroutekaart as a drawing, in words, and as a place to practise. Pure: no web, no database, no clock."""
