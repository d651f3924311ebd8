"""From evidence to a decision, and the record that an auditor follows."""
