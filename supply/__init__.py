"""What the program is made of, for who has to answer for it: licences (licences.py) and a bill of materials (sbom.py)."""
