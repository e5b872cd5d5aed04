"""The demo region: invented people in invented places, at agencies with the tasks of a real region."""
