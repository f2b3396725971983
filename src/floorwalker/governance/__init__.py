"""May we do it: purposes and consent, the suppression list, erasure with proof, the audit log."""
