"""What a request for a disclosure says, which rows it meets, and the words of the answer; `signaltable.disclose` decides."""
